"""Programs in processes that are forked from one which has imported what they need: dbt alone takes seconds.

They are processes all the same, with environment, working folder, output, signals and exit code of their own. What is
left out is the start of the interpreter: who tests that, or sets a variable that Python reads there, takes subprocess.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

PROGRAMS = {"stocks": "stocks", "argodbt": "argodbt", "dbt": "dbt.cli.main"}
"""The modules that the commands run, by name."""

_FORKS = multiprocessing.get_context("forkserver")
# Nothing that starts threads, as Polars does: a fork has but the one that forks.
_FORKS.set_forkserver_preload(
    ["stocks.cli.app", "stocks.embedded", "argodbt.cli", "argodbt.build", "dbt.cli.main", "dbt.adapters.postgres"]
)


def start(
    program: str, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdout: str, stderr: str = os.devnull
) -> ForkServerProcess:
    """Starts a program.

    Args:
        program: Its name in PROGRAMS.
        arguments: Of its command line.
        env: Its whole environment.
        cwd: Its working folder.
        stdout: The file that it writes to, or a named pipe, which is waited for.
        stderr: The same.
    """
    process = _FORKS.Process(target=_become, args=(program, arguments, dict(env), str(cwd), (stdout, stderr)))
    process.start()
    return process


def run(
    program: str, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, as `subprocess.run` does."""
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        process = start(program, arguments, env=env, cwd=cwd, stdout=out.name, stderr=err.name)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired([program, *arguments], timeout, out.read(), err.read())
        code = process.exitcode
        process.close()
        return subprocess.CompletedProcess([program, *arguments], code, out.read().decode(), err.read().decode())


def _become(program: str, arguments: Sequence[str], env: dict[str, str], cwd: str, outputs: tuple[str, str]) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, (path, name) in enumerate(zip(outputs, ("stdout", "stderr"), strict=True), start=1):
        target = os.open(path, os.O_WRONLY)
        os.dup2(target, number)
        os.close(target)
        errors = "backslashreplace" if name == "stderr" else "strict"
        setattr(sys, name, open(number, "w", errors=errors, closefd=False))  # noqa: SIM115 -- as Python starts
    module = PROGRAMS[program]
    sys.argv = [module, *arguments]
    sys.path[:0] = [cwd, *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]  # as `python -m` does
    runpy.run_module(module, run_name="__main__", alter_sys=True)
