"""Says whether requirements/*.txt satisfy what the pyproject.toml files and the *.in lists ask for; needs no network.

A lock that merely could be newer is current: only a requirement that it does not satisfy makes it stale.
"""

from __future__ import annotations

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]


def locked(name: str) -> dict[str, Version]:
    """The versions in a lock, by canonical name."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return {
        canonicalize_name(match["name"]): Version(match["version"])
        for match in re.finditer(r"^(?P<name>[\w.\-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)", text, re.MULTILINE)
    }


def project(path: str) -> dict[str, Any]:
    """What a member of the repository says of itself."""
    found: dict[str, Any] = tomllib.loads((ROOT / path / "pyproject.toml").read_text())["project"]
    return found


def listed(name: str) -> list[str]:
    """The requirements in a list that is compiled to a lock."""
    lines = (ROOT / "requirements" / f"{name}.in").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.strip() and not line.startswith(("#", "-"))]


def problems() -> list[str]:
    """A line for each requirement that a lock does not satisfy, and for each lock that names an address."""
    members = ("images/pipeline", "images/dbt", "dashboard", "workflows")
    pipeline, argodbt, dashboard, workflows = map(project, members)
    needed, extras = pipeline["dependencies"], pipeline["optional-dependencies"]
    wanted = {
        "pipeline": [*needed, *extras["sample"], *extras["cluster"]],
        "dbt": [*needed, *extras["gold"], *argodbt["dependencies"]],
        "local": [*needed, *chain(*extras.values())],
        "dashboard": dashboard["dependencies"],
        "workflows": [*needed, *workflows["dependencies"], *argodbt["optional-dependencies"]["hera"]],
        "build": listed("build"),
        "dev": listed("dev"),
    }
    there = {path.stem for path in (ROOT / "requirements").glob("*.txt")}
    found = [f"requirements/{name}.txt is checked against nothing." for name in sorted(there - wanted.keys())]
    for name, requirements in wanted.items():
        versions = locked(name)
        for text in requirements:
            requirement = Requirement(text)
            if requirement.name in {"argodbt", "stocks"}:  # installed from their checkouts
                continue
            version = versions.get(canonicalize_name(requirement.name))
            if version is None or version not in requirement.specifier:
                found.append(f"requirements/{name}.txt has {version or 'nothing'} for {text}: run `make lock`.")
        if re.search(r"https?://|--index-url|--find-links", (ROOT / f"requirements/{name}.txt").read_text()):
            found.append(f"requirements/{name}.txt names a download address.")
    return found


def main() -> int:
    """Prints the problems."""
    found = problems()
    print("\n".join(found) or "Locks are current.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
