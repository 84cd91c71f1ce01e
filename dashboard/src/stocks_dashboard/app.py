"""The dashboard's server: `streamlit run` this file, with STOCKS_WAREHOUSE_URL set. `script` draws what it shows."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from stocks_dashboard.assets import Assets


@asynccontextmanager
async def _imported(_app: st.App) -> AsyncIterator[None]:
    """The pages are imported before the first visitor asks for one."""
    importlib.import_module("stocks_dashboard.views")
    yield


app = st.App(Path(__file__).with_name("script.py"), lifespan=_imported, middleware=[Middleware(Assets)])
