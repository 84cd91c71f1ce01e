"""Colours that people with any kind of colour vision can tell apart.

Rise and fall are Okabe and Ito's (2008) blue and vermillion. Lines were searched for: each stands out from the ground
(WCAG's contrast of 3), and any two that the colour-blind might take for each other (CIEDE2000 below 15 as protanopes or
deuteranopes see them) have other dashes; tests/dashboard/test_palette.py computes it. Nothing is told by colour alone:
lines have their name at their end, candles a direction, badges an icon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import streamlit as st


@dataclass(frozen=True)
class Line:
    """How a line looks."""

    colour: str
    dash: Literal["solid", "dashed"] = "solid"


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one theme."""

    series: tuple[Line, ...]
    """Of symbols, in their order; as many lines as stay legible."""
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
    grid: str
    """Of lines behind the marks."""
    label: str
    """Of the ground of what the crosshair tells at the axes, beneath white text."""


LIGHT = Palette(
    series=(
        *(Line(each) for each in ("#0072B2", "#D55E00", "#009E73", "#882255")),
        *(Line(each, "dashed") for each in ("#332288", "#CC6677", "#661100", "#9C6ADE")),
    ),
    averages=("#669999", "#882255", "#330066"),
    rise="#0072B2",
    fall="#D55E00",
    accent="#0072B2",
    muted="#6B7180",
    neutral="#F2F2F2",
    ink="#31333F",
    paper="#FFFFFF",
    grid="#E6E8EC",
    label="#4A5060",
)
DARK = Palette(
    series=(
        *(Line(each) for each in ("#56B4E9", "#E69F00", "#1B6CA8", "#8C564B")),
        *(Line(each, "dashed") for each in ("#7FD1AE", "#D7A6E8", "#B5179E", "#2A7F62")),
    ),
    averages=("#CCFFCC", "#9C6ADE", "#888888"),
    rise="#56B4E9",
    fall="#E8742A",
    accent="#56B4E9",
    muted="#8A92A6",
    neutral="#2B2F3A",
    ink="#FAFAFA",
    paper="#101318",
    grid="#2A2F3A",
    label="#4A5060",
)


def palette() -> Palette:
    """The colours of the visitor's theme."""
    theme: Literal["light", "dark"] | None = st.context.theme.type
    return DARK if theme == "dark" else LIGHT
