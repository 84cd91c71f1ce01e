"""How long a visitor of the dashboard waits, on the warehouse that `python -m tools.bench fill` makes.

    python -m tests.benchmarks.dashboard_pages STATE_DIR [ROUNDS]

Three parts: clicks of one visitor in Chromium, from the click until every chart is drawn; ten visitors at once over
Streamlit's own protocol, each asking for what nobody has asked for before; and the usual way for comparison, which
reads the whole fact table into pandas and filters there. Bytes are counted on the wire from the warehouse.
"""

from __future__ import annotations

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
from tests.dashboard.serving import CHROMIUM, OPTIONS, serving
from websockets.asyncio.client import connect

from stocks.embedded import EmbeddedPostgres

VISITORS = 10
ROUNDS = 20
SYMBOLS = 500
SECTORS = ("Energy", "Financials", "Health Care", "Industrials", "Materials", "Real Estate", "Utilities")
SEED = 7

# From the click until the script has ended, nothing is stale and every chart has marks.
_CLICK = """element => new Promise((resolve, reject) => {
    const began = performance.now();
    const app = document.querySelector('[data-testid=stApp]');
    let ran = false;  // a short run may begin and end between two frames
    new MutationObserver(() => ran = true).observe(app, {attributeFilter: ['data-test-script-state']});
    const look = () => {
        const state = app.dataset.testScriptState;
        const charts = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')];
        const drawn = charts.every(chart => chart.querySelector('canvas, .mark-rect path, .mark-line path'));
        if (ran && state === 'notRunning' && drawn && !document.querySelector('[data-stale=true]'))
            resolve(performance.now() - began);
        else if (performance.now() - began > 20000) reject(new Error('not drawn: ' + state + ' ' + charts.length));
        else requestAnimationFrame(look);
    };
    element.click();
    look();
})"""

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
    state, rounds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    with EmbeddedPostgres(state).running() as server, gated(server.url("stocks_reader")) as (gate, url):
        with serving(url) as (address, process):
            print(f"dashboard at rest: {resident(process):,.0f} MiB")
            print(f"\nOne visitor in Chromium, {rounds} clicks a page ({load()})")
            clicks(address, gate, rounds)
            print(f"dashboard: {resident(process):,.0f} MiB")
        with serving(url) as (address, process):
            print(f"\n{VISITORS} visitors at once, {rounds} pages each of every kind ({load()})")
            asyncio.run(visitors(address, gate, rounds))
            print(f"dashboard: {resident(process):,.0f} MiB")
        before = gate.received
        print(f"\nThe whole fact table into pandas, then filter ({load()})")
        subprocess.run([sys.executable, "-c", _BASELINE], env={**os.environ, "STOCKS_WAREHOUSE_URL": url}, check=True)
        print(f"{(gate.received - before) / 1e6:,.0f} MB from the warehouse")
    return 0


def clicks(address: str, gate: Gate, rounds: int) -> None:
    """Times clicks that need what isn't cached, and clicks on the menu."""
    chance = random.Random(SEED)
    taken: dict[str, list[float]] = defaultdict(list)
    read: dict[str, list[int]] = defaultdict(list)

    def timed(page: Page, name: str, element: Any) -> None:
        before = gate.received
        taken[name].append(element.evaluate(_CLICK))
        read[name].append(gate.received - before)

    def pill(page: Page, label: str) -> Any:
        return page.get_by_test_id("stButtonGroup").first.get_by_text(label, exact=True)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        began = time.perf_counter()
        arrive(page, f"http://{address}/")
        print(f"first load of all: {1000 * (time.perf_counter() - began):,.0f} ms")
        for title in ("Compare", "Stock", "Market", "Health"):  # code is compiled, options are read
            page.get_by_test_id("stTopNavLink").filter(has_text=title).evaluate(_CLICK)
        for _ in range(rounds):
            chosen = chance.sample(range(SYMBOLS), 5)
            arrive(page, f"http://{address}/stock?symbol=B{chosen[0]:04d}")
            timed(page, "stock, 1Y to Max", pill(page, "Max"))
            timed(page, "stock, Max to 5Y", pill(page, "5Y"))
            names = "&".join(f"symbols=B{each:04d}" for each in chosen)
            arrive(page, f"http://{address}/compare?{names}&benchmark=B{chance.randrange(SYMBOLS):04d}&horizon=1M")
            timed(page, "compare 6, 1M to Max", pill(page, "Max"))
            pair = "&".join(f"symbols=B{each:04d}" for each in chance.sample(range(SYMBOLS), 12))
            arrive(page, f"http://{address}/market?{pair}&horizon=1M")
            timed(page, "market 12, 1M to 1Y", pill(page, "1Y"))
            timed(page, "market 12, 1Y to Max", pill(page, "Max"))
            for title in ("Health", "Overview", "Compare", "Stock", "Market"):
                timed(page, f"menu to {title}", page.get_by_test_id("stTopNavLink").filter(has_text=title))
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
