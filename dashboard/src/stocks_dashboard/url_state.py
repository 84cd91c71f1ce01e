"""Choices that live in the address, so that a link shows what its sender saw.

Streamlit's own `bind="query-params"` writes an option as it is displayed ("IBM · International Business …"); it serves
where the two are the same. Here an address holds the option itself, and what it can't hold is left out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T", str, int)


def select(
    label: str,
    options: Sequence[T],
    *,
    key: str,
    default: T | None = None,
    form: Callable[[T], str] = str,
    widget: Callable[..., T | None] = st.selectbox,
    **more: Any,
) -> T:
    """One of some options, at least one of which there must be.

    Args:
        label: Of the widget.
        options: Each a text or a number, which the address holds.
        key: The parameter's name in the address.
        default: Chosen where the address names none of the options; the first without it.
        form: How an option is displayed.
        widget: Draws it.
        more: Goes to the widget.
    """
    default = options[0] if default is None else default
    given = _newly_given(label, key, options)
    if given is not None or st.session_state.get(key) not in options:
        st.session_state[key] = given[0] if given else default
    chosen = widget(label, options, key=key, format_func=form, **more)
    chosen = default if chosen is None else chosen
    _write(key, [] if chosen == default else [chosen])
    return chosen


def select_many(
    label: str,
    options: Sequence[T],
    *,
    key: str,
    limit: int,
    default: Sequence[T] = (),
    form: Callable[[T], str] = str,
    **more: Any,
) -> list[T]:
    """Some of some options; as `select`."""
    given = _newly_given(label, key, options)
    if given is not None:
        st.session_state[key] = given[:limit] or list(default)
    elif key in st.session_state:
        st.session_state[key] = [each for each in st.session_state[key] if each in options]
    else:
        st.session_state[key] = list(default)
    chosen = st.multiselect(label, options, key=key, format_func=form, max_selections=limit, **more)
    _write(key, [] if chosen == list(default) else chosen)
    return chosen


def select_days(label: str, first: date, last: date, *, default: tuple[date, date]) -> tuple[date, date]:
    """Two days from `first` to `last`, as `from` and `to` in the address.

    Another symbol may have other bounds: days outside are moved to them.
    """
    begin, end = given = tuple(_day(st.query_params.get(name)) for name in ("from", "to"))
    days = st.session_state.get("days")  # one alone while the visitor has chosen the first of two
    if days is None or st.session_state.get("_url_days") != given:
        days = (begin, end) if begin and end else default
    st.session_state["days"] = tuple(sorted(min(max(each, first), last) for each in days))
    chosen = st.date_input(label, key="days", min_value=first, max_value=last, format="YYYY-MM-DD")
    if not isinstance(chosen, tuple) or len(chosen) != 2:
        return default
    st.query_params["from"], st.query_params["to"] = (each.isoformat() for each in chosen)
    st.session_state["_url_days"] = chosen
    return chosen[0], chosen[1]


def _newly_given(label: str, key: str, options: Sequence[T]) -> list[T] | None:
    """What the address says, where that isn't what was written there last: on arrival, and after "back".

    What is asked for in vain is said: a link must not show another symbol in silence.
    """
    given = st.query_params.get_all(key)
    if key in st.session_state and given == st.session_state.get(f"_url_{key}", []):
        return None
    by_text = {str(each): each for each in options}
    if unknown := [each for each in given if each not in by_text]:
        asked = ", ".join(f"`{each[:20].replace('`', '')}`" for each in unknown[:3])
        st.toast(
            f"The address asks for {asked}, which isn't here: {label}.", icon=":material/link_off:", duration="long"
        )
    return [by_text[each] for each in dict.fromkeys(given) if each in by_text]


def _write(key: str, values: Sequence[T]) -> None:
    texts = [str(each) for each in values]
    if texts != st.query_params.get_all(key):
        if texts:
            st.query_params[key] = texts
        else:
            del st.query_params[key]
    st.session_state[f"_url_{key}"] = texts


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
