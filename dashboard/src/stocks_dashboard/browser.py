"""What only code in the browser can do: mend the address without a step in the history, and hear a key anywhere."""

from __future__ import annotations

import streamlit as st

# Streamlit has no way to replace an address: what it writes is a new step, and "back" would lead to what was mended.
# Its shortcuts are letters and digits alone.
_SCRIPT = """
const isTyped = (place) => place.closest?.("input, textarea, select, [contenteditable=true]");

function focusDialog(triesLeft) {
  const box = document.querySelector("[role=dialog] input");
  if (box) box.focus();
  else if (triesLeft) setTimeout(focusDialog, 50, triesLeft - 1);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const here = new URLSearchParams(location.search), given = new URLSearchParams(data.given);
  here.sort();
  given.sort();
  if (data.given !== data.wanted && here.toString() === given.toString())
    history.replaceState(history.state, "", location.pathname + (data.wanted && "?" + data.wanted));

  document.removeEventListener("keydown", parentElement.hear);
  parentElement.hear = (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyped(event.target)) return;
    event.preventDefault();
    setTriggerValue("slash", true);
    focusDialog(100);
  };
  document.addEventListener("keydown", parentElement.hear);
  return () => document.removeEventListener("keydown", parentElement.hear);
}
"""


def listen(given: str, wanted: str) -> bool:
    """Puts a query into the address in the place of the one that was given, if that still stands there.

    Returns:
        Whether the visitor has just pressed `/`, not within a text.
    """
    mount = st.components.v2.component("stocks-browser", js=_SCRIPT)
    told = mount(data={"given": given, "wanted": wanted}, key="browser", height=0, on_slash_change=lambda: None)
    return bool(told.slash)
