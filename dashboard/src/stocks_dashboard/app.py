"""The dashboard's entry: `streamlit run` this file, with STOCKS_WAREHOUSE_URL set.

Whatever goes wrong on a page ends here, as a page that says what to do.
"""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st

from stocks_dashboard.errors import DashboardError
from stocks_dashboard.page_parts import note_shown, refresh_on_change
from stocks_dashboard.views import compare, health, market, overview, stock
from stocks_dashboard.warehouse import pulse

# A Material icon would be fetched from the internet.
_ICON = Path(__file__).with_name("icon.svg")
# Streamlit leaves a third of a phone's screen empty above the title.
_STYLE = "<style>.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 3rem; }</style>"
_log = logging.getLogger("stocks_dashboard")


def main() -> None:
    """Draws the page that the URL names."""
    st.set_page_config(page_title="Stocks", page_icon=str(_ICON), layout="wide")
    st.html(_STYLE)
    pages = {
        "overview": st.Page(overview.page, title="Overview", icon=":material/table_chart:", default=True),
        "compare": st.Page(compare.page, title="Compare", icon=":material/ssid_chart:", url_path="compare"),
        "stock": st.Page(stock.page, title="Stock", icon=":material/candlestick_chart:", url_path="stock"),
        "market": st.Page(market.page, title="Market", icon=":material/donut_small:", url_path="market"),
        "health": st.Page(health.page, title="Health", icon=":material/monitor_heart:", url_path="health"),
    }
    st.session_state["_pages"] = pages
    chosen = st.navigation(list(pages.values()), position="top")
    try:
        note_shown(pulse())
        chosen.run()
    except DashboardError as error:
        note_shown(error)
        st.title(error.title, anchor=False)
        st.warning(error.advice, icon=error.icon)
    except Exception:  # noqa: BLE001 a visitor gets a page, whatever it was; the log gets the trace
        _log.exception("a page failed")
        st.title("This page has failed", anchor=False)
        st.error(
            "The fault is in the dashboard, and its log says which. Reload the page; if that doesn't help, open it "
            "without the part of the address behind the question mark.",
            icon=":material/error:",
        )
    refresh_on_change()


main()
