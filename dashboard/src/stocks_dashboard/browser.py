"""What only code in the browser can do: mend the address without a step in the history."""

from __future__ import annotations

import streamlit as st

# Streamlit has no way to replace an address: what it writes is a new step, and "back" would lead to what was mended.
_SCRIPT = """
export default function ({ data }) {
  const here = new URLSearchParams(location.search), given = new URLSearchParams(data.given);
  here.sort();
  given.sort();
  if (data.given !== data.wanted && here.toString() === given.toString())
    history.replaceState(history.state, "", location.pathname + (data.wanted && "?" + data.wanted));
}
"""


def mend_address(given: str, wanted: str) -> None:
    """Puts a query into the address in the place of the one that was given, if that still stands there."""
    mount = st.components.v2.component("stocks-address", js=_SCRIPT)
    mount(data={"given": given, "wanted": wanted}, key="address", height=0)
