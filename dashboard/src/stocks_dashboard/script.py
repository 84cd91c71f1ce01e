"""What runs for each visit: the page that the address names. The server is `app`.

Whatever goes wrong on a page ends here, as a page that says what to do.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from stocks_dashboard import state
from stocks_dashboard.access import is_let_in, offer_to_leave
from stocks_dashboard.browser import listen
from stocks_dashboard.errors import DashboardError
from stocks_dashboard.page import faults_told, navigation
from stocks_dashboard.page_parts import note_shown, refresh_on_change
from stocks_dashboard.symbols import open_symbol
from stocks_dashboard.views import PAGES
from stocks_dashboard.warehouse import pulse

# A Material icon would be fetched from the internet.
_ICON = Path(__file__).with_name("icon.svg")

# White, which Streamlit writes chosen symbols in, can't be read on a colour that is itself read on a dark ground.
_DARK = "<style>.stMultiSelect [data-tag-index], .stMultiSelect [data-tag-index] * { color: #101318; }</style>"


def main() -> None:
    """Draws the page that the URL names."""
    st.set_page_config(page_title="Stocks", page_icon=str(_ICON), layout="wide")
    if st.context.theme.type == "dark":
        st.html(_DARK)
    is_known = False
    with faults_told(st.title):
        is_known = is_let_in()
    if is_known:
        _draw()


def _draw() -> None:
    state.arrive()
    chosen = navigation(PAGES)
    connected = False
    with faults_told(st.title):
        try:
            note_shown(pulse())
            connected = True
        except DashboardError as error:
            note_shown(error)
            raise
        chosen.run()
    if listen(*state.settled()) and connected:
        open_symbol()
    offer_to_leave()
    refresh_on_change()


main()
