"""Choices of symbols: typed in any case, never taken for another one."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import polars as pl
import streamlit as st

from stocks_dashboard import queries, state
from stocks_dashboard.page import faults_told, go_to
from stocks_dashboard.warehouse import rows

_SUGGESTED = 5


def symbols() -> pl.DataFrame:
    """Every symbol that has bars: symbol, company_name, sector, first_date, last_date."""
    return rows(queries.SYMBOLS)


def labels() -> dict[str, str]:
    """Every symbol, and how a list shows it; what is written here is what the list's search finds."""
    names = symbols().select("symbol", "company_name").iter_rows()
    return {symbol: symbol if name == symbol else f"{symbol} · {name}" for symbol, name in names}


def choose_symbol() -> str | None:
    """One symbol, the first where none is asked for; None, and suggestions, where there is none of that name."""
    names = labels()
    unknown = _unknown("symbol", names)
    shown = None if unknown else (state.asked("symbol") or list(names))[0]
    if shown is not None:
        state.amend("symbol", [shown])  # it stands in every link: another warehouse has another first symbol
    state.seed("symbol", shown)
    _type_symbol(names, key="symbol", width=320, on_change=_took_symbol)
    _tell("symbol", unknown, names)
    return shown


def choose_symbols(*, limit: int, default: Sequence[str] = (), placeholder: str, **more: Any) -> list[str]:
    """The symbols that are compared, those that there are; of the others it is said. `more` goes to the widget."""
    names = labels()
    unknown = _unknown("symbols", names)
    chosen = state.select_many(
        "Symbols",
        list(names),
        name="symbols",
        default=[] if unknown else default,
        limit=limit,
        form=names.__getitem__,
        keeps_unknown=True,
        placeholder=placeholder,
        **more,
    )
    _tell("symbols", unknown, names, beside=chosen)
    return chosen


def choose_benchmark(*, none: str = "None") -> str:
    """The symbol that others are measured against; empty for none, which is displayed as told."""
    names = labels()
    unknown = _unknown("benchmark", names)
    chosen = state.select(
        "Benchmark",
        ["", *names],
        name="benchmark",
        form=lambda each: names.get(each, none),
        keeps_unknown=True,
    )
    _tell("benchmark", unknown, names)
    return chosen


@st.dialog("Open a symbol")
def open_symbol() -> None:
    """Asks for a symbol, wherever the visitor is, and shows its page."""
    with faults_told(st.header):
        names = labels()
        if chosen := _type_symbol(names, key="open_symbol"):
            go_to("stock", symbol=[chosen])


def _type_symbol(names: dict[str, str], *, key: str, **more: Any) -> str | None:
    """Where one symbol is typed, or part of its company's name; `more` goes to the widget."""
    return st.selectbox(
        "Symbol",
        list(names),
        index=None,
        key=key,
        format_func=names.__getitem__,
        placeholder="Type a symbol or a company",
        label_visibility="collapsed",
        **more,
    )


def suggestions(text: str, names: dict[str, str]) -> list[str]:
    """Symbols that somebody who typed a text may have meant, the likeliest first."""
    upper = text.upper()
    begins = [each for each in names if upper and each.startswith(upper)]
    of_company = [each for each, label in names.items() if len(upper) > 1 and upper in label.upper()]
    close = difflib.get_close_matches(upper, list(names), n=_SUGGESTED, cutoff=0.5)
    return list(dict.fromkeys([*begins, *close, *of_company]))[:_SUGGESTED]


def _unknown(name: str, names: dict[str, str]) -> list[str]:
    """What is asked for and isn't there; the others are spelled as the warehouse does."""
    wanted = state.asked(name)
    if wanted is None:
        return []
    spelled = list(
        dict.fromkeys(each if each in names or each.upper() not in names else each.upper() for each in wanted)
    )
    if spelled != wanted:
        state.amend(name, spelled)
    return [each for each in spelled if each not in names]


def _took_symbol() -> None:
    if chosen := st.session_state["symbol"]:
        state.choose(symbol=[chosen])


def _tell(name: str, unknown: Sequence[str], names: dict[str, str], *, beside: Sequence[str] = ()) -> None:
    """Says that there is no such symbol, and offers what may have been meant."""
    for text in unknown[:3]:
        st.warning(f"No such symbol: {state.quoted(text)}.", icon=":material/search_off:")
        if offered := suggestions(text, names):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption("Did you mean", width="content")
                for each in offered:
                    chosen = {name: list(dict.fromkeys([*beside, each]))}
                    st.button(names[each], key=f"{name}_{text}_{each}", on_click=state.choose, kwargs=chosen)
