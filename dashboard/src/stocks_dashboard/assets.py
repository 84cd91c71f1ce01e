"""What a browser needs before it draws anything: each page's HTML and Streamlit's own files, from memory.

Streamlit reads each of its hundred and fifty scripts in a thread, which waits for the script that runs for the same
visitor; and a browser would ask for those of a chart when the chart is there. The page names them.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config, file_util

from stocks_dashboard import time_chart

_STATIC = Path(file_util.get_static_dir())
_FILES = frozenset(path.relative_to(_STATIC).as_posix() for path in _STATIC.glob("static/**/*") if path.is_file())
_CHART = re.compile(r"static/js/BidiComponent\.[\w-]+\.js")
_IMPORTED = re.compile(r"""(?:from|import)"\./([\w.-]+\.js)\"""")
# Streamlit widens a page when its script has told it to, and leaves a band as high as the menu above it. Not by
# `st.html`, which comes later: what stands there would move.
_STYLE = "<style>div[data-testid=stMainBlockContainer] { max-width: none; padding-top: 4.5rem; }</style>"


class Assets:
    """Middleware: answers for pages and files; the rest is Streamlit's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        path = (config.get_option("server.baseUrlPath") or "").strip("/")
        self._base = f"/{path}/" if path else "/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or has it answered."""
        answer: ASGIApp = self._app
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith(self._base):
            name = scope["path"].removeprefix(self._base)
            if name in _addresses():
                answer = Response(_page(), headers={"cache-control": "no-cache"}, media_type="text/html")
            elif name in _FILES:
                answer = _file(name)
        await answer(scope, receive, send)


@cache
def _addresses() -> frozenset[str]:
    from stocks_dashboard.views import PAGES  # with the server, not before: their caches are its own

    return frozenset(["", *(page.path for page in PAGES)])


@cache
def _file(name: str) -> Response:
    # Its name has a hash of what it holds.
    headers = {"cache-control": "public, immutable, max-age=31536000"}
    return Response((_STATIC / name).read_bytes(), headers=headers, media_type=mimetypes.guess_type(name)[0])


@cache
def _page() -> str:
    page = (_STATIC / "index.html").read_text()
    hints = "".join(f'<link rel="modulepreload" crossorigin href="./{each}">' for each in _of_a_chart(page))
    return page.replace("</head>", f"{hints}{_STYLE}</head>")


def _of_a_chart(page: str) -> Iterator[str]:
    """What a chart over sessions needs beside what the page asks for itself, in the order in which it would."""
    waiting = [name for name in _FILES if _CHART.fullmatch(name)]
    seen = set[str]()
    while waiting:
        name = waiting.pop(0)
        if name not in seen and name not in page:
            seen.add(name)
            yield name
            waiting += (f"static/js/{each}" for each in _IMPORTED.findall((_STATIC / name).read_text()))
    for path in sorted(Path(time_chart.__path__[0]).glob("*.js")):
        yield f"_stcore/bidi-components/{time_chart.COMPONENT}/{path.name}"
