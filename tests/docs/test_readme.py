"""Every command in the README and in docs/ does what it says there."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
from tests.conftest import NewInstance
from tests.instance import Instance

from stocks import errors
from stocks.cli import checks, cluster
from stocks.cli.app import app
from stocks.steps import REPORT, STEPS

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), ROOT / "images" / "dbt" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[list[str]]:
    """The lines of each block of a page that is for a shell."""
    return [
        found.splitlines() for found in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    ]


README_BLOCKS = blocks(ROOT / "README.md")
# `eval` is for the reader's shell.
STOCKS_BLOCKS = [
    lines
    for page in PAGES
    for block in blocks(page)
    if (lines := [line for line in block if ".venv/bin/stocks" in line and not re.search("eval|--cluster", line)])
]


def test_every_command_of_stocks_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text() + (ROOT / "CHANGELOG.md").read_text()
    names = [command.name or command.callback.__name__.replace("_", "-") for command in app.registered_commands]  # type: ignore[union-attr]
    assert [name for name in names if name not in readme] == []


def test_every_make_target_that_is_written_about_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:^|`)make ([a-z][a-z0-9-]*)", page.read_text(), re.MULTILINE))
        assert named <= targets, page


def test_make_help_tells_every_target() -> None:
    ended = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)).split()
    assert [target for target in phony if f"make {target} " not in ended.stdout] == []


def test_the_command_line_takes_every_command_of_stocks_that_is_written_about() -> None:
    """Also those that can't run here: in the cluster's pods, with a key, or after a loss."""
    root = typer.main.get_command(app)
    for page in PAGES:
        text = page.read_text()
        fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        lines = [line for block in fenced for line in block.splitlines()]
        lines += re.findall(r"`((?:[A-Z_]+=\S+ )*stocks [^`]+)`", text)
        for line in lines:
            if not (match := re.match(r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?stocks (.*)", line)) or "…" in line:
                continue
            words = shlex.split(match[1], comments=True)
            command: Any = root
            while words and words[0] in getattr(command, "commands", {}):
                command = command.commands[words.pop(0)]
            assert command is not root or words[0].isupper() or words[0].startswith("--"), f"{page.name}: {line}"
            if words and not getattr(command, "commands", {}):
                taken = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
                options = {word.partition("=")[0] for word in itertools.takewhile(lambda word: word != "--", words)}
                assert {each for each in options if each.startswith("--")} <= taken | {"--help"}, f"{page.name}: {line}"


def test_the_runbook_knows_every_code_every_check_and_every_step() -> None:
    page = (ROOT / "docs" / "runbook.md").read_text()
    codes = {each.exit_code for each in vars(errors).values() if isinstance(each, type) and hasattr(each, "exit_code")}
    for code in {*codes, *errors.KILLED_EXIT_CODES, errors.FAILED}:
        assert re.search(rf"^\|[^|]*\b{code}\b", page, re.MULTILINE), code
    found = re.findall(r"[cC]heck\((?:name=)?\"([\w ]+)\"", "".join(map(inspect.getsource, (checks, cluster))))
    for name in {*found, *(step.name for step in (*STEPS, REPORT) if step.name != "gold")}:
        assert f"| `{name}` |" in page, name


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_attack_is_shown_by_a_test() -> None:
    rows = re.findall(r"^\| (?!Attack|---).*$", (ROOT / "docs" / "attacks.md").read_text(), re.MULTILINE)
    assert rows
    for row in rows:
        named = re.findall(r"`(tests/[^`]+)`", row)
        assert named, row
        for file, *within in (name.split("::") for name in named):
            found = ast.parse((ROOT / file).read_text()).body
            for name in within:
                (node,) = (part for part in found if getattr(part, "name", None) == name)
                found = getattr(node, "body", [])
            assert isinstance(node, ast.FunctionDef), row


def test_every_path_in_the_readmes_table_exists() -> None:
    for path in re.findall(r"^\| `([^`]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("block", STOCKS_BLOCKS, ids=lambda block: block[0])
def test_every_stocks_command_runs(
    block: list[str], sample_instance: Instance, new_instance: NewInstance, tmp_path: Path
) -> None:
    own: dict[str, Instance] = {}  # of what changes anything, kept from line to line
    for line in block:
        words = shlex.split(line)
        variables = dict(word.split("=", 1) for word in words if re.fullmatch(r"[A-Z_0-9]+=.*", word))
        arguments = words[len(variables) + 1 :]
        instance = sample_instance
        if (state := variables.pop("STOCKS_STATE_DIR", None)) or arguments[0] in ("run", "universe"):
            name = state or arguments[0]
            instance = own[name] = own.get(name) or new_instance(tmp_path / name)
        ended = instance.stocks(*arguments, **variables)
        # The sample has no Tesco: the provider would. It is no two sources.
        codes = {"TSCO.LON": 65, "reconcile": 78}
        expected = next((code for word, code in codes.items() if word in arguments), 0)
        assert ended.returncode == expected, ended.stdout + ended.stderr


@pytest.mark.parametrize("line", [line for block in README_BLOCKS for line in block if line.startswith("make dbt")])
def test_every_dbt_command_of_the_readme_runs(line: str, sample_instance: Instance) -> None:
    before = sample_instance.gold()
    ended = subprocess.run(
        shlex.split(line),
        cwd=ROOT,
        env={**sample_instance.environment, "DBT_TARGET_PATH": str(sample_instance.state / "plain")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert sample_instance.gold() == before
