"""The Dockerfiles; the parse that the dbt image carries; and, where Docker has them, the images themselves."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.charts.rendering import ROOT

from stocks.gold import BUILD_SCHEMA, environment
from stocks.warehouse import Warehouse

DOCKERFILES = sorted((ROOT / "images").glob("*/Dockerfile"))
IMAGES = [f"stocks-{path.parent.name}:0.1.0" for path in DOCKERFILES]
every_dockerfile = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)


@every_dockerfile
def test_only_locked_requirements_of_its_own_are_installed(path: Path) -> None:
    text = path.read_text()
    installs = re.findall(r"pip (?:--python \S+ )?install (.*)", text)
    assert len(installs) == 3
    for install in installs:
        assert "--no-deps" in install
        assert "--require-hashes" in install or "--no-index" in install
    assert set(re.findall(r"requirements/([a-z]+)\.txt", text)) == {"build", path.parent.name}


@every_dockerfile
def test_the_last_stage_builds_nothing_and_is_nobody(path: Path) -> None:
    text = path.read_text()
    assert set(re.findall(r"^ARG PYTHON_IMAGE=(.*)$", text, re.MULTILINE)) == {"python:3.11-slim-bookworm"}
    last = text[text.rindex("\nFROM ") :]
    assert not re.search(r"\b(pip|RUN)\b", last)
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in last


@every_dockerfile
def test_dependencies_are_copied_before_code(path: Path) -> None:
    copies = re.findall(r"^COPY --from=\w+ (\S+)", path.read_text(), re.MULTILINE)
    assert copies[0] == "/opt/python"
    assert copies[1] in {"/opt/stocks", "/opt/dashboard"}


def test_the_build_context_is_a_list_of_what_is_needed() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    copied = re.compile(r"^COPY ([a-z]\S*) ", re.MULTILINE)
    needed = {source for path in DOCKERFILES for source in copied.findall(path.read_text())}
    for source in needed:
        assert any(source == line[1:] or line[1:].startswith(f"{source}/") for line in lines if line[0] == "!"), source


def parse(project: Path, at: Path, **variables: str) -> str:
    """dbt's debug log of a parse, as the Dockerfile and a pod run it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_", "STOCKS_"))}
    folders = ["--project-dir", str(project), "--profiles-dir", str(project)]
    ended = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("dbt")), "--debug", "--no-use-colors", "parse", "--no-version-check"),
            *(*folders, "--target-path", str(at / "target"), "--log-path", str(at / "logs")),
        ],
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A copy of the project, and its parse as the dbt image carries it."""
    folder = tmp_path_factory.mktemp("image")
    ignored = shutil.ignore_patterns("target", "logs", "dbt_packages", ".user.yml")
    shutil.copytree(ROOT / "dbt", folder / "dbt", ignore=ignored)
    (line,) = re.findall(r"^RUN (PGHOST=.*?) \\$", (ROOT / "images/dbt/Dockerfile").read_text(), re.MULTILINE)
    parse(folder / "dbt", folder, **dict(word.split("=", 1) for word in line.split()))
    return folder / "dbt", str(folder / "target" / "partial_parse.msgpack")


def pod_variables(host: str, parse_file: str) -> dict[str, str]:
    url = f"postgresql://stocks_owner:a-pods-own-secret@{host}:5432/stocks"
    return {**environment(Warehouse(url), schema=BUILD_SCHEMA), "DBT_PARTIAL_PARSE_FILE_PATH": parse_file}


def test_a_pod_does_not_parse_again(parsed: tuple[Path, str], tmp_path: Path) -> None:
    project, saved = parsed
    log = parse(project, tmp_path, **{**pod_variables("postgres", saved), "DBT_PROJECT_DIR": str(project)})
    assert "Unable to do partial parsing" not in log
    assert "Partial parsing enabled, no changes found, skipping parsing" in log


def test_a_pod_with_another_warehouse_would(parsed: tuple[Path, str], tmp_path: Path) -> None:
    """The test above can fail: dbt tells the difference."""
    project, saved = parsed
    log = parse(project, tmp_path, **{**pod_variables("elsewhere", saved), "DBT_PROJECT_DIR": str(project)})
    assert "Unable to do partial parsing because profile has changed" in log


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(params=IMAGES)
def image(request: pytest.FixtureRequest) -> str:
    if shutil.which("docker") is None or docker("image", "inspect", request.param).returncode != 0:
        pytest.skip(f"Docker has no image {request.param}: `docker build -f images/…/Dockerfile -t {request.param} .`")
    return str(request.param)


def inside(image: str, *command: str) -> str:
    """Runs a command as a pod would: nothing can be written but /tmp."""
    ended = docker("run", "--rm", "--read-only", "--tmpfs", "/tmp", "--network=none", "--entrypoint", *command)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_an_image_is_nobodys_and_says_what_it_is(image: str) -> None:
    (facts,) = json.loads(docker("image", "inspect", image).stdout)
    config: dict[str, Any] = facts["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.title"] == image.partition(":")[0]
    assert not [entry for entry in config["Env"] if re.search("PASSWORD|SECRET|TOKEN|API_KEY", entry)]


def test_an_image_has_no_compiler_and_no_write_access(image: str) -> None:
    script = "! command -v gcc; ! python -c 'import hatchling' 2>/dev/null; ! touch /opt/x 2>/dev/null; id -u"
    assert inside(image, "sh", image, "-euc", script) == "10001\n"


def test_what_an_image_runs_starts_on_a_read_only_disk(image: str) -> None:
    programs = {"dashboard": ("streamlit",), "dbt": ("argodbt", "stocks"), "pipeline": ("stocks",)}
    for program in programs[image.partition(":")[0].removeprefix("stocks-")]:
        assert re.search(r"\d+\.\d+", inside(image, program, image, "--version"))
