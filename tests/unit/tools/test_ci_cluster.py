"""`.ci/cluster` over programs that a test plays: when it runs the end-to-end tests, and why it doesn't."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tools.cluster.options import ARGO_VERSION, ROOT

PROGRAMS = ("docker", "kind", "kubectl", "helm", "make")
NEEDED = ("bash", "dirname", "mktemp", "rm", "sed", "timeout")
TESTS = "e2e ARGS=tests/charts/test_images.py"
MANIFEST = {"ARGO_MANIFEST": "argo.yaml"}


class Machine:
    """A folder that is all of the PATH, and what the programs in it were asked."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.log = folder / "asked"
        for name in NEEDED:
            (self.bin / name).symlink_to(str(shutil.which(name)))
        for name in PROGRAMS:
            self.plays(name)

    def plays(self, name: str, *, fails_at: str = "nothing") -> None:
        """A program that ends well, but for arguments that match a pattern of the shell."""
        path = self.bin / name
        told = f'echo "{name} $* $CLUSTER $OFFLINE" >> {self.log}'
        path.write_text(f'#!/bin/sh\n{told}\ncase "$*" in {fails_at}) exit 3 ;; esac\n')
        path.chmod(0o755)

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", ROOT / ".ci/cluster"],
            env={"PATH": str(self.bin), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def made(self) -> list[str]:
        """What `make` was asked for."""
        return [line.strip() for line in self.log.read_text().splitlines() if line.startswith("make")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_platform_comes_up_is_tested_and_taken_away(machine: Machine) -> None:
    ended = machine.run()
    assert (ended.returncode, ended.stdout) == (0, "")
    assert machine.made == [f"make {target} stocks-ci" for target in ("down", "up", TESTS, "down")]


@pytest.mark.parametrize("target", ["up", TESTS])
def test_failure_is_told_after_the_cluster_was_taken_away(target: str, machine: Machine) -> None:
    machine.plays("make", fails_at=f'"{target}"')
    assert machine.run().returncode == 3
    assert machine.made[-2:] == [f"make {target} stocks-ci", "make down stocks-ci"]


def test_nothing_is_pulled_where_no_registry_answers(machine: Machine) -> None:
    machine.plays("docker", fails_at="manifest*")
    assert machine.run(**MANIFEST).returncode == 0
    assert "make up stocks-ci 1" in machine.made


@pytest.mark.parametrize("program", ["docker", "kind", "kubectl", "helm"])
def test_a_missing_program_is_named(program: str, machine: Machine) -> None:
    (machine.bin / program).unlink()
    assert reason(machine.run()) == f"{program} is not on the PATH"


@pytest.mark.parametrize(
    ("fails_at", "variables", "told"),
    [
        ("info", {}, "Docker does not answer"),
        ("manifest*", {}, "offline, and ARGO_MANIFEST names no file (docs/cluster.md)"),
        (
            "manifest*|*argoexec*",
            MANIFEST,
            f"offline, and Docker's store has no quay.io/argoproj/argoexec:{ARGO_VERSION}",
        ),
    ],
)
def test_what_keeps_a_cluster_away_is_told(
    fails_at: str, variables: dict[str, str], told: str, machine: Machine
) -> None:
    machine.plays("docker", fails_at=fails_at)
    assert reason(machine.run(**variables)) == told
    assert "make" not in machine.log.read_text()


def reason(ended: subprocess.CompletedProcess[str]) -> str:
    """Why it was skipped, which is no failure."""
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip().removeprefix("No end-to-end tests: ").removesuffix(".")
