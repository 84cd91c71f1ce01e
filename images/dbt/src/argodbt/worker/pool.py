"""Runs nodes, so many at a time, each try once, in processes that are forked off one which has imported the program.

A process may be killed at any moment, alone or with the pod: what a node did is what its program has committed.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.forkserver import ensure_running
from pathlib import Path

from argodbt.worker.artifacts import Artifacts
from argodbt.worker.node import Ended, File, Node, within

_GRACE = 20.0  # seconds between SIGTERM and SIGKILL
_REMEMBERED = 30  # lines, among which is the one that says what was wrong
_LONGEST = 500  # characters of a message: it stands in the workflow's status
_SIGNALLED = 128
_LOST = 255  # as multiprocessing tells a process whose end it could not hear of


class Pool:
    """Runs nodes.

    Args:
        program: module:function that runs a command line in sys.argv, and ends with sys.exit.
        preload: Modules that are imported once, before the first node.
        artifacts: Where files come from and go to.
        at_once: How many nodes run at a time.
        scratch: The nodes' folders are made in it.
    """

    def __init__(
        self, program: str, preload: Sequence[str], *, artifacts: Artifacts, at_once: int, scratch: Path | None = None
    ) -> None:
        self._program, self._artifacts, self._scratch = program, artifacts, scratch
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__, *preload])
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="node")
        self._nodes: dict[tuple[str, str], Future[Ended]] = {}
        self._running: dict[ForkServerProcess, threading.Event] = {}
        """Each with its end. Its own thread alone may ask a process for its exit code: it is told once."""
        self._lock = threading.Lock()
        self._is_closing = False

    def warm_up(self) -> None:
        """Starts the process that imports the program; the first nodes wait until it has."""
        ensure_running()

    def ended(self, node: Node, *, patience: float) -> Ended | None:
        """Runs a node, unless it runs or has run already; gives how it ended, or None where it still works.

        Args:
            node: The try.
            patience: Seconds to wait for its end.
        """
        key = (node.uid, node.name)
        with self._lock:
            # Kept when it has ended, too: an answer may be lost on its way, and is asked for again.
            future = self._nodes.get(key) or self._nodes.setdefault(key, self._threads.submit(self._run, node))
        try:
            return future.result(patience)
        except TimeoutError:
            return None

    def knows(self, node: Node) -> bool:
        """Whether it was asked for before."""
        return (node.uid, node.name) in self._nodes

    def close(self) -> None:
        """Asks what runs to end, as Kubernetes asks a pod, and waits for it; nothing more is begun."""
        with self._lock:
            self._is_closing = True
            running = dict(self._running)
        for process in running:
            _signalled(process, signal.SIGTERM)
        for process, ended in running.items():
            if not ended.wait(_GRACE):
                _signalled(process, signal.SIGKILL)
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _run(self, node: Node) -> Ended:
        try:
            with tempfile.TemporaryDirectory(prefix="node-", dir=self._scratch, ignore_cleanup_errors=True) as made:
                return self._run_in(Path(made), node)
        except Exception as error:  # noqa: BLE001 -- whatever it was, Argo is told, and tries again
            print(f"[{node.label}] {type(error).__name__}: {error}", flush=True)
            return Ended(message=f"{type(error).__name__}: {error}"[:_LONGEST])

    def _run_in(self, folder: Path, node: Node) -> Ended:
        own = folder / "files"
        own.mkdir()
        self._artifacts.fetch(_with_paths(node.inputs, own))
        for file in node.outputs:
            Path(within(file.path, own)).parent.mkdir(parents=True, exist_ok=True)
        log = folder / "main.log"
        exit_code, told = self._in_process(node, own, log)
        log_key = self._kept_log(node, log)
        self._artifacts.keep(
            (file, path) for file, path in _with_paths(node.outputs, own) if not exit_code or path.exists()
        )
        parameters = {name: Path(within(path, own)) for name, path in node.results.items()}
        values = {name: path.read_text() for name, path in parameters.items() if not exit_code or path.exists()}
        return Ended(exit_code=exit_code, message=told if exit_code else "", parameters=values, log_key=log_key)

    def _in_process(self, node: Node, folder: Path, log: Path) -> tuple[int, str]:
        """Runs the command line; gives the exit code, as a shell would tell it, and what was wrong."""
        # The folders of parameters, too: a program writes where a pod has one.
        for path in node.results.values():
            Path(within(path, folder)).parent.mkdir(parents=True, exist_ok=True)
        reader, writer = self._context.Pipe(duplex=False)
        args = [within(word, folder) for word in node.args]
        process = self._context.Process(target=_program, args=(self._program, args, writer))
        with reader, writer:
            with self._lock:
                if self._is_closing:
                    return _SIGNALLED + signal.SIGTERM, "The worker ends."
                process.start()
                ended = self._running[process] = threading.Event()
            writer.close()
            overdue = threading.Event()
            timer = threading.Timer(node.seconds, _end, (process, ended, overdue))
            timer.start()
            try:
                last = _copied(reader, log, node.label)
                process.join()
            finally:
                ended.set()
                timer.cancel()
                with self._lock:
                    del self._running[process]
        code = process.exitcode
        if code is None or code == _LOST:
            raise ProcessLookupError("The process that it was forked off has gone: how it ended is not known.")
        exit_code = code if code >= 0 else _SIGNALLED - code
        if overdue.is_set():
            return exit_code or _SIGNALLED + signal.SIGTERM, f"It took longer than {node.seconds:g} s."
        return exit_code, _what_was_wrong(last, exit_code)

    def _kept_log(self, node: Node, log: Path) -> str:
        """Puts the log into the store; a log that is lost fails no node."""
        if not (node.log_key and self._artifacts.is_kept):
            return ""
        try:
            self._artifacts.put(node.log_key, log)
        except Exception as error:  # noqa: BLE001 -- boto3's kinds are many
            print(f"[{node.label}] its log is not in the artifact store: {error}", flush=True)
            return ""
        return node.log_key


def _program(program: str, args: Sequence[str], out: Connection) -> None:
    """Runs a command line; in the node's own process."""
    with out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    # New ones: those that were forked stand at a place in a file that is no longer there.
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
    module, _, function = program.partition(":")
    sys.argv = [module.partition(".")[0], *args]
    getattr(importlib.import_module(module), function)()


def _end(process: ForkServerProcess, ended: threading.Event, overdue: threading.Event) -> None:
    """Ends a process that takes too long; what holds out is killed."""
    overdue.set()
    _signalled(process, signal.SIGTERM)
    if not ended.wait(_GRACE):
        _signalled(process, signal.SIGKILL)


def _signalled(process: ForkServerProcess, number: signal.Signals) -> None:
    assert process.pid is not None, "it has been started"
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)


def _copied(reader: Connection, log: Path, label: str) -> deque[str]:
    """Copies what a process says to its log, and to ours behind the node's name; gives the last lines."""
    last: deque[str] = deque(maxlen=_REMEMBERED)
    with os.fdopen(os.dup(reader.fileno()), errors="replace") as said, log.open("w") as kept:
        for line in said:
            kept.write(line)
            print(f"[{label}] {line}", end="" if line.endswith("\n") else "\n", flush=True)
            last.append(line)
    return last


def _what_was_wrong(lines: Iterable[str], exit_code: int) -> str:
    """The errors among the last lines, which are JSON where our own commands write them; else the last line."""
    errors, last = [], ""
    for line in lines:
        last = line.strip() or last
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict) and told.get("event") == "error":
                errors.append(" ".join(f"{told.get('message', '')} {told.get('hint') or ''}".split()))
    text = "; ".join(dict.fromkeys(errors)) or last or "It said nothing."
    return f"exit code {exit_code}: {text}"[:_LONGEST]


def _with_paths(files: Iterable[File], folder: Path) -> list[tuple[File, Path]]:
    return [(file, Path(within(file.path, folder))) for file in files]
