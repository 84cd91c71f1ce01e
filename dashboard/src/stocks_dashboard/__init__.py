"""The gold layer, to look at: pages of Streamlit over queries whose rows arrive as Polars frames.

The package imports nothing of `stocks`: the warehouse's gold schema is all that the two share.
"""
