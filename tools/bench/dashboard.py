"""How long a visitor of the dashboard waits, on the warehouse that `python -m tools.bench fill --state FOLDER` makes.

    python -m tools.bench.dashboard FOLDER [--rounds 30] [--checkout DIR] [--only cold,clicks,visitors,pandas]

Four parts: a cold load in Chromium (a browser that has nothing, a stock that nobody asked for) until the first chart is
drawn; clicks of one visitor, from the click until all is drawn; ten visitors at once over Streamlit's own protocol,
each asking for what nobody has asked for before; and the usual way for comparison, which reads the whole fact table
into pandas and filters there. Bytes are counted on the wire from the warehouse. --checkout serves the dashboard of
another work tree, by its own .venv: two of them measured in one sitting compare.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tests.dashboard.gate import Gate, gated
from tests.dashboard.serving import APP, CHROMIUM, OPTIONS, serving
from websockets.asyncio.client import connect

from stocks.embedded import EmbeddedPostgres

VISITORS = 10
ROUNDS = 30
SYMBOLS = 500
SECTORS = ("Energy", "Financials", "Health Care", "Industrials", "Materials", "Real Estate", "Utilities")
SEED = 7

# Charts that have marks: Vega-Lite's, and the component's over sessions. That of another checkout may be either.
_DRAWN = """
    const vega = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
        .map(chart => chart.querySelector('canvas, .mark-rect path, .mark-line path') !== null);
    const overTime = [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
        .filter(place => place.getBoundingClientRect().height > 100)
        .map(place => place.shadowRoot?.querySelector('.host[data-drawn] canvas') != null);
    const drawn = [...vega, ...overTime];
"""
# From the click until the script has ended, nothing is stale and every chart has marks.
_CLICK = (
    """element => new Promise((resolve, reject) => {
    const began = performance.now();
    const app = document.querySelector('[data-testid=stApp]');
    let ran = false;  // a short run may begin and end between two frames
    new MutationObserver(() => ran = true).observe(app, {attributeFilter: ['data-test-script-state']});
    const look = () => {
        const state = app.dataset.testScriptState;
"""
    + _DRAWN
    + """
        if (ran && state === 'notRunning' && drawn.every(Boolean) && !document.querySelector('[data-stale=true]'))
            resolve(performance.now() - began);
        else if (performance.now() - began > 20000) reject(new Error('not drawn: ' + state + ' ' + drawn));
        else requestAnimationFrame(look);
    };
    element.click();
    look();
})"""
)
# The milliseconds since the navigation began, when the first chart has its marks.
_FIRST_CHART = (
    """
    firstChart = null;
    const look = () => {
"""
    + _DRAWN
    + """
        if (drawn.some(Boolean)) firstChart = performance.now();
        else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
"""
)

_BASELINE = """
import os, resource, time
import connectorx
began = time.perf_counter()
facts = connectorx.read_sql(os.environ["STOCKS_WAREHOUSE_URL"], "select * from gold.fact_adjusted_prices")
read = time.perf_counter() - began
one = facts[(facts.symbol == "B0123") & (facts.interval == "daily")]
print(f"{read:.1f} s to read, {1000 * (time.perf_counter() - began - read):.0f} ms to filter, {len(facts):,} rows, "
      f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")
"""


def main() -> int:
    """Measures, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=Path, help="folder of the filled warehouse")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--checkout", type=Path, help="work tree whose dashboard is served (this one without it)")
    parser.add_argument("--only", default="cold,clicks,visitors,pandas", help="parts, with commas between")
    asked = parser.parse_args()
    parts = asked.only.split(",")
    app, python = APP, sys.executable
    if asked.checkout is not None:
        app = str(asked.checkout / "dashboard/src/stocks_dashboard/app.py")
        python = str(asked.checkout / ".venv/bin/python")
    with EmbeddedPostgres(asked.state).running() as server, gated(server.url("stocks_reader")) as (gate, url):
        if {"cold", "clicks"} & {*parts}:
            with serving(url, app=app, python=python) as (address, process):
                print(f"dashboard at rest: {resident(process):,.0f} MiB")
                if "cold" in parts:
                    print(f"\nCold loads in Chromium, until the first chart is drawn ({load()})")
                    cold(address, gate, asked.rounds)
                if "clicks" in parts:
                    print(f"\nOne visitor in Chromium, {asked.rounds} clicks of each kind ({load()})")
                    clicks(address, gate, asked.rounds)
                print(f"dashboard: {resident(process):,.0f} MiB")
        if "visitors" in parts:
            with serving(url, app=app, python=python) as (address, process):
                print(f"\n{VISITORS} visitors at once, {asked.rounds} pages each of every kind ({load()})")
                asyncio.run(visitors(address, gate, asked.rounds))
                print(f"dashboard: {resident(process):,.0f} MiB")
        if "pandas" in parts:
            before = gate.received
            print(f"\nThe whole fact table into pandas, then filter ({load()})")
            environment = {**os.environ, "STOCKS_WAREHOUSE_URL": url}
            subprocess.run([sys.executable, "-c", _BASELINE], env=environment, check=True)
            print(f"{(gate.received - before) / 1e6:,.0f} MB from the warehouse")
    return 0


def cold(address: str, gate: Gate, rounds: int) -> None:
    """Times the first chart for a browser that has nothing yet, of what isn't cached."""
    chance = random.Random(SEED)
    taken: dict[str, list[float]] = defaultdict(list)
    read: dict[str, list[int]] = defaultdict(list)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        symbols = chance.sample(range(SYMBOLS), 4 * rounds)
        for number in range(rounds):
            one, *several = symbols[4 * number : 4 * number + 4]
            names = "&".join(f"symbols=B{each:04d}" for each in several)
            for name, path in (
                ("cold stock, 1Y", f"stock?symbol=B{one:04d}"),
                ("cold compare 3, Max", f"compare?{names}&horizon=Max"),
                ("cold market", "market"),
            ):
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                page = context.new_page()
                page.add_init_script(_FIRST_CHART)
                before = gate.received
                page.goto(f"http://{address}/{path}")
                taken[name].append(page.wait_for_function("firstChart", timeout=30_000).json_value())
                page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
                read[name].append(gate.received - before)
                context.close()
        browser.close()
    table(taken, read)


def clicks(address: str, gate: Gate, rounds: int) -> None:
    """Times clicks that need what isn't cached, and clicks on the menu."""
    chance = random.Random(SEED)
    taken: dict[str, list[float]] = defaultdict(list)
    read: dict[str, list[int]] = defaultdict(list)

    def timed(name: str, element: Any) -> None:
        before = gate.received
        taken[name].append(element.evaluate(_CLICK))
        read[name].append(gate.received - before)

    def pill(page: Page, label: str) -> Any:
        return page.get_by_test_id("stButtonGroup").first.get_by_text(label, exact=True)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        arrive(page, f"http://{address}/")
        for title in ("Compare", "Stock", "Market", "Health"):  # code is compiled, options are read
            page.get_by_test_id("stTopNavLink").filter(has_text=title).evaluate(_CLICK)
        for _ in range(rounds):
            chosen = chance.sample(range(SYMBOLS), 5)
            arrive(page, f"http://{address}/stock?symbol=B{chosen[0]:04d}")
            timed("stock, 1Y to Max", pill(page, "Max"))
            timed("stock, Max to 5Y", pill(page, "5Y"))
            names = "&".join(f"symbols=B{each:04d}" for each in chosen)
            arrive(page, f"http://{address}/compare?{names}&benchmark=B{chance.randrange(SYMBOLS):04d}&horizon=1M")
            timed("compare 6, 1M to Max", pill(page, "Max"))
            pair = "&".join(f"symbols=B{each:04d}" for each in chance.sample(range(SYMBOLS), 12))
            arrive(page, f"http://{address}/market?{pair}&horizon=1M")
            timed("market 12, 1M to 1Y", pill(page, "1Y"))
            timed("market 12, 1Y to Max", pill(page, "Max"))
            for title in ("Health", "Overview", "Compare", "Stock", "Market"):
                timed(f"menu to {title}", page.get_by_test_id("stTopNavLink").filter(has_text=title))
        browser.close()
    table(taken, read)


def arrive(page: Page, address: str) -> None:
    """Opens an address and waits until all is drawn."""
    page.goto(address)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function("!document.querySelector('[data-stale=true]')")
    page.wait_for_timeout(300)


async def visitors(address: str, gate: Gate, rounds: int) -> None:
    """Ten sessions, none of which waits for another."""
    taken: dict[str, list[float]] = defaultdict(list)
    sent: dict[str, list[int]] = defaultdict(list)
    before = gate.received
    await asyncio.gather(*(visit(address, number, rounds, taken, sent) for number in range(VISITORS)))
    table(taken, sent)
    pages = sum(map(len, taken.values()))
    print(f"{(gate.received - before) / pages / 1000:,.0f} kB a page from the warehouse, {pages:,} pages")


async def visit(
    address: str, number: int, rounds: int, taken: dict[str, list[float]], sent: dict[str, list[int]]
) -> None:
    """One session: page after page, each with symbols of its own."""
    chance = random.Random(SEED * 1000 + number)
    kinds: dict[str, Callable[[], str]] = {
        "": lambda: f"search=B{chance.randrange(50):03d}&order=week",
        "stock": lambda: f"symbol=B{chance.randrange(SYMBOLS):04d}&horizon=Max",
        "compare": lambda: "&".join(f"symbols=B{each:04d}" for each in chance.sample(range(SYMBOLS), 5)),
        "market": lambda: f"sector={chance.choice(SECTORS).replace(' ', '+')}&horizon={chance.choice(['1Y', '5Y'])}",
        "health": lambda: "",
    }
    async with connect(f"ws://{address}/_stcore/stream", max_size=None, subprotocols=["streamlit"]) as channel:  # type: ignore[list-item]
        await rerun(channel, "", "")
        for _ in range(rounds):
            for kind, query in kinds.items():
                began = time.perf_counter()
                size = await rerun(channel, kind, query())
                taken[kind or "overview"].append(1000 * (time.perf_counter() - began))
                sent[kind or "overview"].append(size)
                await asyncio.sleep(chance.uniform(0.5, 1.5))  # somebody looks at it


async def rerun(channel: Any, page: str, query: str) -> int:
    """Asks for a page as a browser does; gives the bytes of the answer."""
    message = BackMsg()
    message.rerun_script.page_name = page
    message.rerun_script.query_string = query
    await channel.send(message.SerializeToString())
    size = 0
    while True:
        data = await channel.recv()
        size += len(data)
        answer = ForwardMsg()
        answer.ParseFromString(data)
        if answer.WhichOneof("type") == "script_finished" and answer.script_finished == 0:
            return size


def table(taken: dict[str, list[float]], read: dict[str, list[int]]) -> None:
    """Prints median and 95th percentile of each kind."""
    print(f"{'':24}{'n':>5}{'median ms':>11}{'p95 ms':>9}{'max ms':>9}{'median kB':>11}")
    for name, times in taken.items():
        p95 = statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]
        print(
            f"{name:24}{len(times):5}{statistics.median(times):11,.0f}{p95:9,.0f}{max(times):9,.0f}"
            f"{statistics.median(read[name]) / 1000:11,.1f}"
        )


def load() -> str:
    """How busy the machine has been in the last minute: figures say little without it."""
    return f"load {os.getloadavg()[0]:.1f} of {os.cpu_count()}"


def resident(process: int) -> float:
    """MiB that a process has in memory."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    sys.exit(main())
