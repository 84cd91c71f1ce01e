"""What a visitor has chosen: one state for all pages, which always stands in the address.

A choice is a name and texts, as an address holds them: `symbol=IBM`, `symbols=IBM&symbols=FB`. What is at its default
is left out; an empty text stands for a choice of nothing. The choices outlive a change of page, which Streamlit's
widgets don't.

A click writes the address, and is one step back in the browser's history. What the address lacks, or has that makes no
sense, is mended in its place (`browser`): that is no step. An address that nobody here wrote, of a link or of "back",
replaces the choices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

import streamlit as st

T = TypeVar("T", bound=str | int)

_CHOICES, _SEEN = "_choices", "_addresses"
_NOTHING = [""]


def arrive() -> None:
    """Takes over what the address says, where it is none that this session read or wrote last.

    An empty one is the menu's: the choices stay.
    """
    given = _given()
    if given and given not in st.session_state.get(_SEEN, ()):
        st.session_state[_CHOICES] = given
    st.session_state.setdefault(_CHOICES, {})
    st.session_state[_SEEN] = [given]


def settled() -> tuple[str, str]:
    """The address's query as it was given, and as it should be; called when the page is drawn."""
    given, choices = _given(), st.session_state[_CHOICES]
    st.session_state[_SEEN] = [given, dict(choices)]
    return urlencode(given, doseq=True), urlencode(choices, doseq=True)


def asked(name: str) -> list[str] | None:
    """What is chosen; None where it is left at its default."""
    values = st.session_state[_CHOICES].get(name)
    return None if values is None else [each for each in values if each]


def amend(name: str, values: Sequence[str] | None) -> None:
    """Notes what an address meant, without a step in the history; None for the default."""
    if values is None:
        st.session_state[_CHOICES].pop(name, None)
    else:
        st.session_state[_CHOICES][name] = list(values) or _NOTHING


def choose(**choices: Sequence[str] | None) -> None:
    """Notes choices as a click makes them, and writes the address, once for all of them; None for the default."""
    for name, values in choices.items():
        amend(name, values)
    written = dict(st.session_state[_CHOICES])
    st.session_state[_SEEN] = [written]
    st.query_params.from_dict(written)


def select(
    label: str,
    options: Sequence[T],
    *,
    name: str,
    default: T | None = None,
    form: Callable[[T], str] = str,
    widget: Callable[..., Any] = st.selectbox,
    keeps_unknown: bool = False,
    **more: Any,
) -> T:
    """One of some options, at least one of which there must be.

    Args:
        label: Of the widget.
        options: Each a text, a member of an enum of texts, or a number: the address holds what it is as a text.
        name: Of the choice.
        default: Chosen where nothing is asked for, or what there is no option for; the first without it.
        form: How an option is displayed.
        widget: Draws it.
        keeps_unknown: Leave what is asked for in vain as it is: the caller tells it.
        more: Goes to the widget.
    """
    default = options[0] if default is None else default
    found = _options(label, name, options, keeps_unknown=keeps_unknown)
    chosen = found[0] if found else default
    seed(name, chosen)
    widget(label, options, key=name, format_func=form, on_change=_took, args=(name, [str(default)]), **more)
    return chosen


def select_many(
    label: str,
    options: Sequence[T],
    *,
    name: str,
    default: Sequence[T] = (),
    form: Callable[[T], str] = str,
    widget: Callable[..., Any] = st.multiselect,
    limit: int | None = None,
    keeps_unknown: bool = False,
    **more: Any,
) -> list[T]:
    """Some of some options; as `select`. Of more than `limit` the first are shown, and the others stay chosen."""
    found = _options(label, name, options, keeps_unknown=keeps_unknown)
    chosen = (list(default) if found is None else found)[:limit]
    seed(name, chosen)
    if limit is not None:
        more["max_selections"] = limit
    texts = [str(each) for each in default]
    widget(label, options, key=name, format_func=form, on_change=_took, args=(name, texts), **more)
    return chosen


def switch(label: str, *, name: str, default: bool = False, **more: Any) -> bool:
    """Something that is on or off."""
    texts = {"true": True, "false": False}
    found = _options(label, name, list(texts))
    is_on = texts[found[0]] if found else default
    seed(name, is_on)
    st.toggle(label, key=name, on_change=_took, args=(name, [_text(default)]), **more)
    return is_on


def search(label: str, *, name: str, **more: Any) -> str:
    """A text."""
    text = " ".join(asked(name) or ())
    seed(name, text)
    st.text_input(label, key=name, on_change=_took, args=(name, [""]), **more)
    return text


def number(label: str, *, name: str, **more: Any) -> float | None:
    """A number, or none."""
    value = _number(asked(name))
    seed(name, value)
    st.number_input(label, value=None, key=name, on_change=_took, args=(name, []), **more)
    return value


def _number(texts: list[str] | None) -> float | None:
    try:
        value = float(texts[0]) if texts else None
    except ValueError:
        return None
    return value if value is None or math.isfinite(value) else None


def _took(name: str, default: list[str]) -> None:
    """A widget has another value."""
    value = st.session_state[name]
    values = value if isinstance(value, list | tuple) else [] if value is None else [value]
    texts = [_text(each) for each in values]
    choose(**{name: None if texts == default else texts})


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def seed(name: str, value: object) -> None:
    """Gives the widget of a key its value, where it is new on the page or the address says another."""
    if name not in st.session_state or st.session_state[name] != value:
        st.session_state[name] = value


def _options(label: str, name: str, options: Sequence[T], *, keeps_unknown: bool = False) -> list[T] | None:
    """The options that are asked for; None where nothing is, or nothing that there is.

    What is asked for in vain is said and forgotten, but where the caller does that.
    """
    texts = asked(name)
    if texts is None:
        return None
    by_text = {str(each): each for each in options}
    known = [each for each in dict.fromkeys(texts) if each in by_text]
    unknown = [each for each in texts if each not in by_text]
    if unknown and not keeps_unknown:
        told = ", ".join(quoted(each) for each in unknown[:3])
        st.toast(
            f"The address asks for {told}, which isn't here: {label}.", icon=":material/link_off:", duration="long"
        )
        amend(name, known or None)
    return [by_text[each] for each in known] if known or not unknown else None


def quoted(text: str) -> str:
    """A text from an address, within Markdown."""
    return f"`{text[:20].replace('`', '')}`"


def _given() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}
