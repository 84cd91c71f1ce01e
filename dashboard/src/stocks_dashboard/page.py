"""What a page is, the parts that it is drawn in, and the way from one to another."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec

import streamlit as st

from stocks_dashboard import state
from stocks_dashboard.errors import DashboardError

_log = logging.getLogger(__name__)
_PAGES = "_pages"
P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of the menu; views/__init__.py lists them all."""

    title: str
    icon: str
    """A Material icon's short code."""
    draw: Callable[[], None]

    @property
    def path(self) -> str:
        """Its part of the address; the first page's is empty there."""
        return self.title.lower()


def navigation(pages: Sequence[Page]) -> Any:
    """Draws the menu; gives the page that the address names, to be run."""
    made = {
        page.path: st.Page(page.draw, title=page.title, icon=page.icon, url_path=page.path, default=page is pages[0])
        for page in pages
    }
    st.session_state[_PAGES] = made
    return st.navigation(list(made.values()), position="top")


def go_to(path: str, **choices: Sequence[str]) -> None:
    """Leaves for another page, with these choices beside those made before."""
    for name, values in choices.items():
        state.amend(name, values)
    # With the address as it is: another would be a step of its own in the history. The page mends it (`state`).
    here = {name: st.query_params.get_all(name) for name in st.query_params}
    st.switch_page(st.session_state[_PAGES][path], query_params=here)


def part(draw: Callable[P, None]) -> Callable[P, None]:
    """A part of a page: a click on a control in it draws that part alone again, and its faults are its own."""

    @functools.wraps(draw)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        with faults_told(st.header):
            draw(*args, **kwargs)

    return st.fragment(guarded)


@contextmanager
def faults_told(heading: Callable[..., Any]) -> Iterator[None]:
    """Tells what goes wrong within as what to do about it; the trace of a fault of ours goes to the log.

    Args:
        heading: Draws what is wrong.
    """
    try:
        yield
    except DashboardError as error:
        heading(error.title, anchor=False)
        st.warning(error.advice, icon=error.icon)
    except Exception:  # noqa: BLE001 a visitor gets a page, whatever it was; the log gets the trace
        _log.exception("a page failed")
        heading("This page has failed", anchor=False)
        st.error(
            "The fault is in the dashboard, and its log says which. Reload the page; if that doesn't help, open it "
            "without the part of the address behind the question mark.",
            icon=":material/error:",
        )
