"""Who may look: everybody, or who logs in by OpenID Connect where Streamlit's secrets.toml has [auth]."""

from __future__ import annotations

import streamlit as st

from stocks_dashboard.errors import SettingsWrong
from stocks_dashboard.settings import load_settings


def is_let_in() -> bool:
    """Whether the visitor may look; who must log in first is shown how to.

    Raises:
        SettingsWrong: A login is asked for, and no file says by whom: nobody is let in by mistake.
    """
    if not (st.secrets.load_if_toml_exists() and "auth" in st.secrets):
        if load_settings().stocks_dashboard_login:
            raise SettingsWrong("`STOCKS_DASHBOARD_LOGIN` asks for a login, and no readable secrets.toml has `[auth]`.")
        return True
    if st.user.is_logged_in:
        return True
    st.title("Stocks", anchor=False)
    st.button("Log in", icon=":material/login:", type="primary", on_click=st.login)
    return False


def offer_to_leave() -> None:
    """A way to log out, for who has logged in."""
    if st.user.get("is_logged_in"):
        st.button("Log out", icon=":material/logout:", type="tertiary", on_click=st.logout)
