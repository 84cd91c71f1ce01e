"""The dashboard's server: `streamlit run` this file, with STOCKS_WAREHOUSE_URL set. `script` draws what it shows."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from stocks_dashboard.assets import Assets

app = st.App(Path(__file__).with_name("script.py"), middleware=[Middleware(Assets)])
