"""Compiles requirements/*.txt: every version and hash, for every platform, and no download address.

    python tools/lock.py [--upgrade]
    python tools/lock.py --check

--check needs no network. A lock that merely could be newer is current: only a requirement that it does not satisfy
makes it stale.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
_PINNED = re.compile(r"^(?P<name>[\w.\-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)", re.MULTILINE)
# Installed from their checkouts.
OURS = {"argodbt": "images/dbt/pyproject.toml", "stocks": "images/pipeline/pyproject.toml"}
# Each lock: what it is compiled from, with which extras, and the locks whose versions it keeps, so that one environment
# can hold them all.
LOCKS: dict[str, tuple[str, list[str], list[str]]] = {
    "pipeline": (OURS["stocks"], ["sample", "cluster"], []),
    "dbt": (OURS["stocks"], ["gold"], ["pipeline"]),
    "local": (OURS["stocks"], ["local"], ["pipeline", "dbt"]),
    "dashboard": ("dashboard/pyproject.toml", [], ["local"]),
    "build": ("requirements/build.in", [], ["local"]),
    "workflows": ("workflows/pyproject.toml", [], ["local", "dashboard"]),
    "dev": ("requirements/dev.in", [], ["local", "dashboard", "workflows"]),
    "audit": ("requirements/audit.in", [], ["local", "dashboard", "workflows", "dev"]),
    "docs": ("requirements/docs.in", [], ["local", "dashboard", "workflows", "dev"]),
    "bench": ("requirements/bench.in", [], ["local", "dashboard", "workflows", "dev"]),
}
# The sample's package reads its other data with these: 240 MB that nothing in a lock with the sample imports.
UNUSED = ("icalendar", "numpy", "pandas", "shapely")
OPTIONS = (
    *("--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"),
    *("--no-header", "--no-strip-extras", "--no-emit-index-url", "--no-emit-find-links"),
)


def write(*options: str) -> None:
    """Writes the locks."""
    for name, (source, extras, kept) in LOCKS.items():
        left_out = (*OURS, *(UNUSED if {"sample", "local"} & {*extras} else ()))
        words = [
            *(word for extra in extras for word in ("--extra", extra)),
            *(word for package in left_out for word in ("--no-emit-package", package)),
            *(word for lock in kept for word in ("--constraints", f"requirements/{lock}.txt")),
        ]
        compiling = [sys.executable, "-m", "uv", "pip", "compile", *OPTIONS, *options, source, *words]
        output = ["--output-file", f"requirements/{name}.txt"]
        subprocess.run([*compiling, *output], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def problems() -> Iterator[str]:
    """A line for each requirement that a lock does not satisfy, and for each lock that names an address."""
    there = {path.stem: path.read_text() for path in (ROOT / "requirements").glob("*.txt")}
    yield from (f"requirements/{name}.txt is compiled from nothing." for name in sorted(there.keys() - LOCKS))
    for name, (source, extras, _) in LOCKS.items():
        versions = {
            canonicalize_name(match["name"]): Version(match["version"]) for match in _PINNED.finditer(there[name])
        }
        for requirement in wanted(source, extras):
            version = versions.get(canonicalize_name(requirement.name))
            if version is None or version not in requirement.specifier:
                yield f"requirements/{name}.txt has {version or 'nothing'} for {requirement}: run `make lock`."
        if re.search(r"https?://|--index-url|--find-links", there[name]):
            yield f"requirements/{name}.txt names a download address."


def wanted(source: str, extras: Iterable[str]) -> Iterator[Requirement]:
    """What a pyproject.toml or a list asks for; in place of a package of ours, what that one asks for."""
    text = (ROOT / source).read_text()
    if source.endswith(".toml"):
        project = tomllib.loads(text)["project"]
        lines = [
            *project["dependencies"],
            *(each for name in extras for each in project["optional-dependencies"][name]),
        ]
    else:
        lines = [line for each in text.splitlines() if (line := each.partition("#")[0].strip())]
    for requirement in map(Requirement, lines):
        if requirement.name in OURS:
            yield from wanted(OURS[requirement.name], requirement.extras)
        else:
            yield requirement


def main() -> int:
    """Writes the locks, or with --check prints what is wrong with them."""
    if "--check" not in sys.argv[1:]:
        write(*sys.argv[1:])
        return 0
    found = list(problems())
    print("\n".join(found) or "Locks are current.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
