"""What a release is made by, as far as it can be told without making one: docs/release.md has the rest by hand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools.cluster.images import version
from tools.release import problems

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yaml"))
JOBS: list[dict[str, Any]] = [job for path in WORKFLOWS for job in yaml.safe_load(path.read_text())["jobs"].values()]
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_workflows_take_actions_by_commit_and_say_which_release_it_is() -> None:
    used = [line for path in WORKFLOWS for line in path.read_text().splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not re.search(r"uses: [\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


def test_workflows_run_nothing_but_what_a_person_can_run_here() -> None:
    commands = [step["run"] for job in JOBS for step in job["steps"] if "run" in step]
    assert "make release" in commands
    for command in commands:
        words = command.split()
        assert command == "bash .ci/run" or (words[0] == "make" and {*words[1:]} <= TARGETS), command


def test_the_version_is_told_once_and_the_tag_is_its() -> None:
    assert list(problems(f"v{version()}")) == list(problems("")) == []
    assert version() in next(problems("v99.0.0"))


@pytest.mark.parametrize(
    ("stages", "variables", "code", "words"),
    [
        (["images"], {}, 1, "Set REGISTRY"),
        (["wheels"], {"TAG": "v99.0.0"}, 1, "v99.0.0"),
        (["publish"], {}, 2, "Usage"),
    ],
)
def test_what_is_missing_is_said(stages: list[str], variables: dict[str, str], code: int, words: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tools.release", *stages],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == code, ended.stderr
    assert words in ended.stderr
