"""The dashboard in a real browser: every page opens, clicks do something, charts are drawn, the console stays quiet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tests.dashboard.gate import gated
from tests.dashboard.serving import CHROMIUM, OPTIONS, serving

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe

MILLISECONDS = 30_000
# Streamlit looks for its own address beneath the page's before it looks at the root.
_LOOKS_FOR_ITS_ROOT = re.compile(r"/\w+/_stcore/(health|host-config)$")

# What moved that nobody has touched, in parts of the screen.
_SHIFTS = """
    layoutShift = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) layoutShift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def served(gold_url: str) -> Iterator[tuple[str, object]]:
    """The address of a running dashboard, and the gate between it and its warehouse."""
    with gated(gold_url) as (gate, url), serving(url) as (address, _):
        yield f"http://{address}", gate


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    """A headless browser."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def faults() -> list[str]:
    """What the console and the network complain about."""
    return []


@pytest.fixture
def tab(chromium, faults: list[str]):
    """A fresh visitor's tab; whatever goes wrong in it is a fault."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)

    def on_console(message) -> None:
        is_known = _LOOKS_FOR_ITS_ROOT.search(message.location.get("url", ""))
        if message.type in ("error", "warning") and not is_known:
            faults.append(message.text)

    page.on("console", on_console)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    yield page
    context.close()


def settle(page) -> None:
    """Waits until the script has ended and nothing on the page is stale."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function("!document.querySelector('[data-stale=true]')")


def charts(page) -> list[float]:
    """Where the charts begin that have been drawn, from the top of the page in pixels: with marks, not just a frame."""
    return page.evaluate(
        """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart], .stBidiComponent')].filter(chart => {
            const overTime = chart.querySelector('[data-testid=stBidiComponentIsolated]')?.shadowRoot;
            if (overTime) return overTime.querySelector('.host[data-drawn]') !== null;
            const canvas = chart.querySelector('canvas');
            if (canvas) return canvas.width > 50 && canvas.height > 50;
            return chart.querySelector('.mark-rect path, .mark-line path, .mark-area path, .mark-rule line') !== null;
        }).map(chart => chart.getBoundingClientRect().top)"""
    )


def await_charts(page, number: int) -> None:
    """Waits until so many charts are drawn."""
    for _ in range(100):
        if len(charts(page)) >= number:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{len(charts(page))} of {number} charts are drawn")


@pytest.mark.parametrize(
    ("address", "title", "drawn"),
    [
        ("/", "Overview", 0),
        ("/compare?symbols=AAPL&symbols=IBM&benchmark=MSFT", "Compare", 1),
        ("/stock?symbol=IBM&horizon=Max", "Stock", 3),
        ("/stock?symbol=MSFT&horizon=1M", "Stock", 3),  # nothing unusual, no fall
        ("/market", "Market", 4),
        ("/health", "Health", 0),
    ],
)
@pytest.mark.parametrize(
    ("scheme", "width", "height", "first_chart"), [("light", 1440, 900, 300), ("dark", 390, 844, 500)]
)
def test_every_page_opens_and_draws(
    tab,
    served,
    faults: list[str],
    address: str,
    title: str,
    drawn: int,
    scheme: str,
    width: int,
    height: int,
    first_chart: int,
) -> None:
    tab.set_viewport_size({"width": width, "height": height})
    tab.emulate_media(color_scheme=scheme)
    tab.add_init_script(_SHIFTS)
    tab.goto(served[0] + address)
    tab.get_by_role("heading", name=title, level=1, exact=True).wait_for()
    settle(tab)
    await_charts(tab, drawn)
    if drawn == 0:
        tab.locator("[data-testid=stDataFrame] canvas").first.wait_for()
    assert tab.evaluate("layoutShift") <= 0.1
    assert min(charts(tab), default=0) <= first_chart
    found = Axe().run(tab).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in serious] == []
    main = tab.locator("[data-testid=stMain]")
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth + 1"), "it scrolls sideways"
    assert faults == []


def test_a_visitor_clicks_through_all_pages(tab, served, faults: list[str]) -> None:
    tab.goto(served[0])
    settle(tab)
    for title in ("Compare", "Stock", "Market", "Health", "Overview"):
        tab.get_by_test_id("stTopNavLink").filter(has_text=title).click()
        tab.get_by_role("heading", name=title, level=1, exact=True).wait_for()
        settle(tab)
    assert faults == []


def test_health_lists_what_is_held_and_what_is_odd(tab, served, faults: list[str]) -> None:
    tab.goto(f"{served[0]}/health")
    settle(tab)
    for title, nothing in (
        ("Held series", "Every series' latest answer was taken."),
        ("Suspect bars", "No bar of the newest answers is odd."),
    ):
        tab.get_by_role("heading", name=title, exact=True).wait_for()
        tab.get_by_text(nothing).wait_for()
    assert faults == []


def test_clicks_change_the_chart_and_the_address(tab, served, faults: list[str]) -> None:
    tab.goto(f"{served[0]}/stock?symbol=AAPL")
    settle(tab)
    tab.get_by_text("A candle a day.").wait_for()
    tab.get_by_role("radio", name="Max", exact=True).or_(
        tab.get_by_role("button", name="Max", exact=True)
    ).first.click()
    tab.get_by_text("A candle a month.").wait_for()
    tab.get_by_role("radio", name="Raw").or_(tab.get_by_role("button", name="Raw")).first.click()
    tab.get_by_text("a split looks like a fall").wait_for()
    tab.wait_for_url(re.compile(r"(?=.*symbol=AAPL|(?!.*symbol=))(?=.*horizon=Max)(?=.*basis=raw)"))
    shared = tab.url
    other = tab.context.new_page()
    other.goto(shared)
    other.get_by_text("A candle a month.").wait_for()
    other.get_by_text("a split looks like a fall").wait_for()
    tab.go_back()
    tab.get_by_text("Prices and volumes before a split are given").wait_for()
    assert faults == []


def test_a_control_draws_its_part_alone(tab, served, faults: list[str]) -> None:
    messages = []

    def note(message: bytes) -> None:  # playwright takes no method of a list
        messages.append(ForwardMsg.FromString(message))

    tab.on("websocket", lambda socket: socket.on("framereceived", note))
    tab.goto(f"{served[0]}/market")
    settle(tab)
    await_charts(tab, 4)
    messages.clear()
    tab.get_by_test_id("stSelectbox").filter(has_text="Measure").get_by_role("combobox").click()
    tab.get_by_role("option", name="Symbols").click()
    tab.wait_for_url(re.compile("measure=symbols"))
    settle(tab)
    ends = {each.script_finished for each in messages if each.HasField("script_finished")}
    assert ends == {ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY}
    drawn = [each for each in messages if each.delta.new_element.HasField("vega_lite_chart")]
    assert len(drawn) == 2  # sectors and volumes, neither horizons nor correlation
    assert faults == []


def told(tab) -> list[str]:
    """What each pane of the page's chart over sessions tells of one session."""
    return tab.locator(".legend").all_inner_texts()


def test_one_crosshair_tells_all_values_and_the_range_is_in_the_address(tab, served, faults: list[str]) -> None:
    tab.goto(f"{served[0]}/stock?symbol=IBM")
    settle(tab)
    await_charts(tab, 3)
    chart = tab.locator(".host")
    place = chart.bounding_box()
    assert told(tab)[0].startswith("2013-03-01")
    assert "C 202.91" in told(tab)[0]

    # Anywhere on the chart, also far from any mark, the nearest session tells itself in every pane.
    tab.mouse.move(place["x"] + 200, place["y"] + place["height"] - 40)
    first = told(tab)
    tab.mouse.move(place["x"] + 200, place["y"] + 60)
    assert told(tab) == first
    assert re.match(r"2012-\d\d-\d\d", first[0])
    assert [re.search(r"[\d.]+(M| %)$", each.strip()) is not None for each in first[1:]] == [True] * 4

    # With Shift, the pointer draws the days to look at; a link shows the same.
    tab.keyboard.down("Shift")
    tab.mouse.move(place["x"] + 300, place["y"] + 60)
    tab.mouse.down()
    tab.mouse.move(place["x"] + 700, place["y"] + 60, steps=4)
    tab.mouse.up()
    tab.keyboard.up("Shift")
    tab.wait_for_url(re.compile(r"(?=.*horizon=Custom)(?=.*from=2012-)(?=.*to=2012-)"))
    last = re.search(r"to=([\d-]+)", tab.url)[1]
    tab.mouse.move(10, 10)
    settle(tab)
    assert told(tab)[0].startswith(last)
    tab.goto(tab.url)
    settle(tab)
    await_charts(tab, 3)
    assert told(tab)[0].startswith(last)

    # By keyboard alone: the next session, all that there is, and no day beyond the data.
    chart.focus()
    tab.keyboard.press("ArrowLeft")
    assert told(tab)[0][:10] < last
    tab.keyboard.press("End")
    assert told(tab)[0].startswith("2013-03-01")
    assert "Volume" in tab.locator(".said").inner_text()
    for _ in range(12):
        tab.keyboard.press("Shift+ArrowRight")
    tab.keyboard.press("Escape")
    assert told(tab)[0].startswith("2013-03-01")
    tab.wait_for_url(re.compile("to=2013-03-01"))
    settle(tab)
    assert faults == []


def test_months_are_equally_wide_and_volumes_have_three_digits(tab, served, gold_url: str, faults: list[str]) -> None:
    """The last two candles are of 2013-02-28 and of 2013-03-01: a day apart, and as wide as the others."""
    tab.goto(f"{served[0]}/stock?symbol=IBM&horizon=Max")
    settle(tab)
    await_charts(tab, 2)
    place = tab.locator(".host").bounding_box()
    days, volumes = [], {}
    for x in range(int(place["x"] + place["width"]) - 72, int(place["x"] + place["width"]) - 140, -1):
        tab.mouse.move(x, place["y"] + 300)
        session, *panes = told(tab)
        days.append(session[:10])
        volumes[session[:10]] = re.search(r"[\d.]+M$", panes[0].strip())[0]
    widths = [days.count(day) for day in dict.fromkeys(days)][1:-1]
    assert {"2013-02-28", "2013-01-31"} <= set(days)
    assert min(widths) > 3
    assert max(widths) - min(widths) <= 1
    with psycopg.connect(gold_url) as connection:
        [(january,)] = connection.execute(
            "select sum(volume) / 1e6 from gold.fact_adjusted_prices where symbol = 'IBM' and interval = 'daily'"
            " and price_date between '2013-01-01' and '2013-01-31'"
        )
    assert volumes["2013-01-31"] == f"{january:.3g}M"

    # The axis follows: of thirteen years or of some months, candles fill their pane.
    assert reach(tab) > 0.5
    tab.locator(".host").focus()
    tab.keyboard.press("End")
    for _ in range(50):
        if re.search("from=201[23]-", tab.url):
            break
        tab.keyboard.press("+")
        tab.wait_for_timeout(200)
    settle(tab)
    assert reach(tab) > 0.5
    assert faults == []


def reach(tab) -> float:
    """How much of the height of its pane the candles take."""
    return tab.locator(".box td:nth-child(2) canvas").first.evaluate(
        """canvas => {
            const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            const isCandle = at => data[at + 3] > 250 && [[0, 114, 178], [213, 94, 0]].some(
                colour => colour.every((part, place) => Math.abs(data[at + place] - part) < 3));
            const rows = [];
            for (let at = 0; at < data.length; at += 4) if (isCandle(at)) rows.push(Math.floor(at / 4 / canvas.width));
            return (rows.at(-1) - rows[0]) / canvas.height;
        }"""
    )


def test_compared_lines_come_forward_and_count_in_percent(tab, served, faults: list[str]) -> None:
    tab.goto(f"{served[0]}/compare?symbols=IBM&symbols=MSFT&horizon=1Y&scale=percent")
    settle(tab)
    await_charts(tab, 1)
    assert re.search(r"IBM \d+\.\d\d %\s+MSFT .\d+\.\d\d %$", told(tab)[0])
    place = tab.locator(".host").bounding_box()
    for y in range(int(place["y"]) + 60, int(place["y"] + place["height"]) - 60, 4):
        tab.mouse.move(place["x"] + 600, y)
        if tab.locator(".legend .pale").count() == 1:
            break
    assert tab.locator(".legend .pale").count() == 1
    assert faults == []


def test_a_link_with_odd_parameters_needs_one_step_back(tab, served, faults: list[str]) -> None:
    tab.goto("about:blank")
    tab.goto(f"{served[0]}/stock?symbol=ibm&basis=half&horizon=9Y")
    tab.get_by_text("International Business Machines Corporation (IBM)").wait_for()
    tab.wait_for_url(re.compile(r"/stock\?symbol=IBM$"))
    tab.get_by_test_id("stTopNavLink").filter(has_text="Compare").click()
    tab.wait_for_url(re.compile(r"/compare\?symbol=IBM$"))
    tab.go_back()
    tab.wait_for_url(re.compile(r"/stock\?symbol=IBM$"))
    settle(tab)
    assert faults == []
    tab.go_back()
    assert tab.url == "about:blank"


def test_symbols_open_from_rows_and_from_anywhere(tab, served, faults: list[str]) -> None:
    def cell(x: int, row: int) -> None:
        place = tab.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
        tab.mouse.click(place["x"] + x, place["y"] + 38 + 35 * row + 17)

    tab.goto(f"{served[0]}/?order=return_1y")
    settle(tab)
    tab.locator("[data-testid=stDataFrame] canvas").first.wait_for()
    tab.wait_for_timeout(500)  # its columns find their widths
    cell(16, 1)  # the tick of the second row, IBM
    tab.wait_for_url(re.compile(r"\?order=return_1y&watch=IBM$"))
    tab.get_by_text("Watch list (1)").wait_for()
    steps = tab.evaluate("history.length")
    cell(63, 0)  # the symbol of the first
    tab.wait_for_url(re.compile(r"/stock\?order=return_1y&watch=IBM&symbol=GOOG$"))
    settle(tab)
    assert tab.evaluate("history.length") == steps + 1

    tab.keyboard.press("/")
    tab.get_by_role("dialog").get_by_role("combobox").wait_for()
    tab.wait_for_timeout(300)
    tab.keyboard.type("micros")
    tab.keyboard.press("Enter")
    tab.get_by_text("Microsoft Corporation (MSFT)").wait_for()
    settle(tab)
    assert tab.get_by_role("dialog").count() == 0
    assert faults == []


def test_a_badge_opens_to_the_rows_of_rules(tab, served, faults: list[str]) -> None:
    tab.goto(f"{served[0]}/market")
    settle(tab)
    tab.get_by_role("button", name=re.compile("rules warn")).click()
    tab.get_by_text("assert_no_split_is_unrecorded").wait_for()
    tab.get_by_test_id("stPopoverBody").locator("canvas").first.wait_for()
    settle(tab)
    assert faults == []


def test_the_search_is_in_the_address(tab, served, faults: list[str]) -> None:
    tab.goto(served[0])
    settle(tab)
    tab.get_by_placeholder("Symbol or company").fill("machines")
    tab.get_by_placeholder("Symbol or company").press("Enter")
    tab.wait_for_url(re.compile("search=machines"))
    settle(tab)
    tab.get_by_test_id("stMetric").filter(has_text=re.compile(r"Symbols\s*1$")).wait_for()
    assert faults == []


def test_the_csv_holds_the_whole_range(tab, served, faults: list[str], tmp_path: Path) -> None:
    tab.goto(f"{served[0]}/stock?symbol=IBM&horizon=Max")
    settle(tab)
    part = tab.get_by_test_id("stExpander").filter(has=tab.locator("summary", has_text=re.compile("Table$")))
    part.locator("summary").click()
    with tab.expect_download() as download:
        part.get_by_role("button", name="CSV", exact=True).click()
    download.value.save_as(tmp_path / "bars.csv")
    lines = (tmp_path / "bars.csv").read_text().splitlines()
    assert download.value.suggested_filename == "IBM_bars.csv"
    assert len(lines) == 3270 + 1
    assert lines[0].startswith("symbol,currency,price_date,open,high,low,close")


def test_an_open_page_recovers_by_itself(tab, served, faults: list[str]) -> None:
    address, gate = served
    tab.goto(f"{address}/stock?symbol=MSFT")
    settle(tab)
    gate.shut()
    try:
        tab.get_by_role("heading", name="The warehouse can't be reached").wait_for()
    finally:
        gate.open()
    tab.get_by_text("Microsoft Corporation (MSFT)").wait_for()
    await_charts(tab, 3)
    assert "Traceback" not in tab.content()
    assert faults == []
