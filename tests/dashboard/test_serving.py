"""What the server gives, without a browser: beneath a path too, and nothing that another server would have to give."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

from tests.dashboard.serving import serving

from stocks_dashboard import time_chart


def test_beneath_a_path_it_is_well_and_a_page_names_what_its_chart_needs(gold_url: str) -> None:
    with serving(gold_url, STREAMLIT_SERVER_BASE_URL_PATH="/stocks") as (address, _):

        def got(path: str) -> str:
            with urllib.request.urlopen(f"http://{address}/stocks{path}", timeout=10) as answer:
                assert answer.status == 200, path
                return answer.read().decode()

        got("/_stcore/health")
        page = got("/compare")
        assert page.count("</head>") == 1
        named = re.findall(r'rel="modulepreload" crossorigin href="\.(/.*?)"', page)
        assert any("BidiComponent" in each for each in named)
        assert named[-1] == "/_stcore/bidi-components/stocks-dashboard.time_chart/time_chart.js"
        for each in named[-6:]:
            assert "export" in got(each), each


def test_the_chart_library_is_bundled_with_its_licence() -> None:
    folder = Path(time_chart.__path__[0])
    [library] = re.findall(r'from "\./(.*)";', (folder / "time_chart.js").read_text())
    assert (folder / library).stat().st_size > 100_000
    assert "Apache License" in (folder / "lightweight-charts.LICENSE").read_text()
    assert "https://www.tradingview.com/" in (folder / "time_chart.js").read_text()  # the link that it asks for
    for name in ("time_chart.js", "time_chart.css"):
        assert not re.search(r"(src|import|url\()\s*=?\s*[\"'(]?https?:", (folder / name).read_text())
