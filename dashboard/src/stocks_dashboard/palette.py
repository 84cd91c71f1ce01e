"""Colours that people with any kind of colour vision can tell apart (Okabe and Ito 2008).

Black and yellow are left out: each vanishes in one of the two themes. Nothing is told by colour alone: lines have a
legend and a tooltip, candles a direction, badges an icon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import streamlit as st

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILLION, GREY, BROWN = "#56B4E9", "#D55E00", "#8A8A8A", "#A6761D"


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one theme."""

    series: tuple[str, ...]
    """Of lines, in the order of their symbols."""
    averages: tuple[str, ...]
    """Of moving averages: none is a candle's."""
    rise: str
    fall: str
    accent: str
    muted: str
    neutral: str
    """Between rise and fall."""
    ink: str
    """Of text on neutral ground."""
    paper: str
    """Of text on the ground of rise or fall."""


LIGHT = Palette(
    series=(BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, GREY, BROWN),
    averages=(ORANGE, GREEN, PURPLE),
    rise=BLUE,
    fall=VERMILLION,
    accent=BLUE,
    muted="#8A909C",
    neutral="#F2F2F2",
    ink="#31333F",
    paper="#FFFFFF",
)
DARK = Palette(
    series=(SKY, ORANGE, GREEN, VERMILLION, PURPLE, "#3B8FD9", "#B0B0B0", "#C99A45"),
    averages=(ORANGE, GREEN, PURPLE),
    rise=SKY,
    fall="#E8742A",
    accent=SKY,
    muted="#7C8294",
    neutral="#2B2F3A",
    ink="#FAFAFA",
    paper="#101318",
)


def palette() -> Palette:
    """The colours of the visitor's theme."""
    theme: Literal["light", "dark"] | None = st.context.theme.type
    return DARK if theme == "dark" else LIGHT
