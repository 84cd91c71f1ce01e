"""Says whether requirements/*.txt satisfy what the pyproject.toml files and dev.in ask for; needs no network.

A lock that merely could be newer is current: only a requirement that it does not satisfy makes it stale.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

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


def problems() -> list[str]:
    """A line for each requirement that a lock does not satisfy, and for each lock that names an address."""
    project = tomllib.loads((ROOT / "images/pipeline/pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    development = [
        line.split("#")[0].strip()
        for line in (ROOT / "requirements/dev.in").read_text().splitlines()
        if line.strip() and not line.startswith(("#", "-"))
    ]
    local = [item for extra in extras.values() for item in extra if not item.startswith("stocks")]
    wanted = {
        "pipeline": project["dependencies"],
        "local": [*project["dependencies"], *local],
        "dev": development,
    }
    found = []
    for name, requirements in wanted.items():
        versions = locked(name)
        for text in requirements:
            requirement = Requirement(text)
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
