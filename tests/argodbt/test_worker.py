"""The worker over real HTTP, with a small program in place of dbt: what Argo is told, whatever becomes of a node."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json, os, pathlib, signal, sys, time

def main():
    command, *words = sys.argv[1:]
    if command in ("say", "fail"):
        print(*words)
    if command == "fail":
        print(json.dumps({"event": "error", "message": "No such ticker.", "hint": "Try another."}))
        sys.exit(65)
    elif command == "end":
        sys.exit(int(words[0]))
    elif command == "count":  # the runs of a node, in a file that all of them see
        with open(words[0], "a") as counted:
            counted.write("x")
        time.sleep(float(words[1]))
    elif command == "copy":
        pathlib.Path(words[1]).write_text(pathlib.Path(words[0]).read_text().upper())
    elif command == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif command == "secret":
        print(sorted(name for name in os.environ if "ARTIFACTS" in name))
        pathlib.Path(words[0]).write_text(str(sorted(name for name in os.environ if "ARTIFACTS" in name)))
    elif command == "hold":  # out, against SIGTERM as a step does: it writes down that it was ended
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
        pathlib.Path(words[0]).touch()
        time.sleep(60)
"""
SERVER = """
import pathlib, sys
from argodbt.worker import serve
serve("node_program:main", ["slow_import", "node_program"], at_once=int(sys.argv[2]), port=0,
      token=pathlib.Path(sys.argv[1]), ready=lambda port: print(port, flush=True))
"""


@dataclass
class Worker:
    """A worker, as Argo's agent sees it."""

    process: subprocess.Popen[str]
    port: int
    store: Path
    said: list[str] = field(default_factory=list)

    def call(self, node: str, *args: str, token: str = "secret", attempt: int = 0, **more: Any) -> dict[str, Any]:
        """One call."""
        given = {"node": f"wf.{node}", "try": str(attempt), "args": args, "seconds": 30, "logs": "logs/wf", **more}
        return self.post(
            {"workflow": {"metadata": {"name": "wf", "uid": "u"}}, "template": {"plugin": {"worker": given}}}, token
        )

    def post(self, body: Any, token: str = "secret") -> dict[str, Any]:
        """A request to template.execute."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/template.execute",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def run(self, node: str, *args: str, **more: Any) -> dict[str, Any]:
        """Calls until the node has ended, as Argo does."""
        while True:
            answer = self.call(node, *args, **more)
            if "requeue" not in answer:
                ended: dict[str, Any] = answer["node"]
                return ended


@contextlib.contextmanager
def running(folder: Path, *, at_once: int = 2, slow_import: str = "") -> Iterator[Worker]:
    """A worker in a process of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "node_program.py").write_text(PROGRAM)
    (folder / "slow_import.py").write_text(slow_import)
    (folder / "token").write_text("secret")
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "ARTIFACTS_URL": f"file://{folder}/store",
        "ARTIFACTS_SECRET_ACCESS_KEY": "hidden",
    }
    command = [sys.executable, "-c", SERVER, str(folder / "token"), str(at_once)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        worker = Worker(process, int(process.stdout.readline()), folder / "store")
        reader = threading.Thread(target=lambda: worker.said.extend(process.stdout or ()))
        reader.start()
        try:
            yield worker
        finally:
            process.terminate()
            process.wait(30)
            reader.join()


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker that tests share: each asks for nodes of its own."""
    with running(tmp_path_factory.mktemp("worker")) as made:
        yield made


def test_node_succeeds_with_its_parameters_and_files(worker: Worker, tmp_path: Path) -> None:
    (worker.store / "in").mkdir(parents=True)
    (worker.store / "in" / "a.txt").write_text("bars")
    ended = worker.run(
        *("copy", "copy", "$SCRATCH/in/a", "$SCRATCH/out/b"),
        inputs=[{"path": "$SCRATCH/in/a", "key": "in/a.txt"}, {"path": "$SCRATCH/no", "key": "no", "optional": True}],
        outputs=[{"path": "$SCRATCH/out/b", "key": "out/b.txt"}],
        results={"text": "$SCRATCH/out/b"},
    )
    assert ended["phase"] == "Succeeded"
    assert ended["outputs"]["parameters"] == [{"name": "text", "value": "BARS"}]
    assert (worker.store / "out" / "b.txt").read_text() == "BARS"


def test_folder_of_the_store_is_brought_whole(worker: Worker) -> None:
    for name in ("x", "y"):
        (worker.store / "tasks" / name).mkdir(parents=True)
        (worker.store / "tasks" / name / "r.json").write_text(name)
    ended = worker.run(
        *("whole", "copy", "$SCRATCH/tasks/y/r.json", "$SCRATCH/b"),
        inputs=[{"path": "$SCRATCH/tasks", "key": "tasks"}],
        results={"text": "$SCRATCH/b"},
    )
    assert ended["outputs"]["parameters"] == [{"name": "text", "value": "Y"}]


@pytest.mark.parametrize("code", [65, 69, 75, 78])
def test_node_ends_with_its_programs_code(worker: Worker, code: int) -> None:
    ended = worker.run(f"end{code}", "end", str(code))
    assert (ended["phase"], ended["outputs"]["exitCode"]) == ("Failed", str(code))


def test_what_was_wrong_is_in_the_message_and_the_log_in_the_store(worker: Worker) -> None:
    ended = worker.run("batches(0:AAPL).extract", "fail", "hello")
    assert ended["message"] == "exit code 65: No such ticker. Try another."
    (log,) = ended["outputs"]["artifacts"]
    assert log == {"name": "main-logs", "s3": {"key": "logs/wf/batches(0-AAPL).extract(0)/main.log"}}
    assert (worker.store / log["s3"]["key"]).read_text().startswith("hello\n")


def test_node_that_leaves_no_result_has_not_succeeded(worker: Worker) -> None:
    ended = worker.run("empty", "say", "done", results={"r": "$SCRATCH/r"})
    assert ended["phase"] == "Error"


def test_killed_node_is_told_as_a_shell_tells_it(worker: Worker) -> None:
    ended = worker.run("die", "die")
    assert (ended["phase"], ended["outputs"]["exitCode"]) == ("Failed", "137")


def test_node_that_is_asked_for_again_runs_once_and_its_next_try_again(worker: Worker, tmp_path: Path) -> None:
    counted = tmp_path / "counted"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: worker.run("n", "count", str(counted), "0.3"), range(8)))
    assert {answer["phase"] for answer in answers} == {"Succeeded"}
    assert counted.read_text() == "x"
    worker.run("n", "count", str(counted), "0")
    assert counted.read_text() == "x", "its end is remembered: an answer may have been lost"
    worker.run("n", "count", str(counted), "0", attempt=1)
    assert counted.read_text() == "xx"


def test_long_node_is_running_until_it_has_ended(worker: Worker, tmp_path: Path) -> None:
    first = worker.call("long", "count", str(tmp_path / "c"), "4")
    assert first == {"node": {"phase": "Running"}, "requeue": "1s"}
    assert worker.run("long", "count", str(tmp_path / "c"), "4")["phase"] == "Succeeded"


def test_node_that_takes_too_long_is_ended(worker: Worker, tmp_path: Path) -> None:
    ended = worker.run("hold", "hold", str(tmp_path / "held"), seconds=1)
    assert ended["phase"] == "Failed"
    assert ended["outputs"]["exitCode"] in ("130", "143"), "it is tried again"
    assert "longer than 1 s" in ended["message"]


def test_missing_input_is_an_error_that_is_tried_again(worker: Worker) -> None:
    ended = worker.run("missing", "say", inputs=[{"path": "$SCRATCH/in", "key": "nowhere"}])
    assert ended["phase"] == "Error"
    assert "nowhere" in ended["message"]
    assert "exitCode" not in ended["outputs"]


def test_who_does_not_know_the_token_is_refused(worker: Worker) -> None:
    for token in ("", "wrong"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            worker.call("x", "say", token=token)


def test_other_plugins_and_malformed_templates_are_told_apart(worker: Worker) -> None:
    metadata = {"workflow": {"metadata": {"name": "wf", "uid": "u"}}}
    assert worker.post({**metadata, "template": {"plugin": {"slack": {}}}}) == {}
    wrong = worker.post({**metadata, "template": {"plugin": {"worker": {"args": ["say"]}}}})
    assert wrong["node"]["phase"] == "Failed"
    assert wrong["node"]["outputs"]["exitCode"] == "78"


def test_node_does_not_have_what_the_worker_alone_needs(worker: Worker) -> None:
    ended = worker.run("secret", "secret", "$SCRATCH/names", results={"names": "$SCRATCH/names"})
    assert ended["outputs"]["parameters"] == [{"name": "names", "value": "[]"}]


def test_it_listens_before_it_imports(tmp_path: Path) -> None:
    imported = tmp_path / "imported"
    waiting = f"import pathlib, time\nwhile not pathlib.Path({str(imported)!r}).exists(): time.sleep(0.05)"
    with running(tmp_path / "slow", slow_import=waiting) as worker:
        assert worker.call("first", "say", "x") == {"node": {"phase": "Running"}, "requeue": "1s"}
        imported.touch()
        assert worker.run("first", "say", "x")["phase"] == "Succeeded"


def test_sigterm_ends_what_runs_as_it_would_end_a_pod(tmp_path: Path) -> None:
    held = tmp_path / "held"
    with running(tmp_path / "ending", at_once=1) as worker, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(worker.run, "hold", "hold", str(held))
        while not held.exists():
            time.sleep(0.05)
        worker.process.send_signal(signal.SIGTERM)
        ended = answer.result(30)
        assert (ended["phase"], ended["outputs"]["exitCode"]) == ("Failed", "130")
        assert worker.process.wait(30) == 0


def test_lines_bear_the_nodes_name(worker: Worker) -> None:
    worker.run("named", "say", "prices")
    assert "[named(0)] prices\n" in worker.said
