"""Tables with their export, and parts that are drawn only while they are open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import streamlit as st

from stocks_dashboard import catalogue
from stocks_dashboard.page import part


def table(
    frame: pl.DataFrame,
    columns: Sequence[str],
    *,
    export: str | None = None,
    more: Callable[[], pl.DataFrame] | None = None,
) -> None:
    """A table whose columns sort, with its rows as CSV beneath.

    Args:
        frame: The rows.
        columns: Names in the catalogue, in the order in which they are shown.
        export: Name of the file, without its ending; none without it.
        more: Reads the rows to export, where they are more than those shown; called when somebody does export.
    """
    shown = frame.select(*columns)
    st.dataframe(
        arrow(shown),
        hide_index=True,
        column_config=catalogue.configs(shown),
        placeholder=catalogue.DASH,
        height=min(38 + 35 * frame.height, 400),  # as high as it gets, from the first moment on
    )
    if export is not None:
        download(more or (lambda: frame), export)


def download(read: Callable[[], pl.DataFrame], name: str) -> None:
    """A button that hands the rows over as CSV; they are read when it is pressed."""
    st.download_button(
        "CSV",
        lambda: catalogue.file(read()),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"export_{name}",
    )


def arrow(frame: pl.DataFrame) -> Any:
    """A frame as Streamlit hands it on as it is; Polars' own it would make pandas' first."""
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


@part
def folded(label: str, draw: Callable[[], None], *, key: str, icon: str = ":material/table:") -> None:
    """A part that is drawn, and read, only while it is open.

    Args:
        label: Of what it holds.
        draw: Draws it.
        key: Of the element.
        icon: Before the label.
    """
    box = st.expander(label, key=key, icon=icon, on_change="rerun")
    if box.open:
        with box:
            draw()
