"""Compiles requirements/*.txt: every version and hash, for every platform, and no download address.

python tools/lock.py [--upgrade]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = "images/pipeline/pyproject.toml"
# Installed from their checkouts.
OURS = ["--no-emit-package", "argodbt", "--no-emit-package", "stocks"]
# The sample's package reads its other data with these: 240 MB that nothing here imports.
UNUSED = [word for package in ("icalendar", "numpy", "pandas", "shapely") for word in ("--no-emit-package", package)]
# Each lock keeps the versions of those that it names last, so that one environment can hold them all.
LOCKS: tuple[tuple[str, list[str], list[str]], ...] = (
    ("pipeline", [PROJECT, "--extra", "sample", "--extra", "cluster", *UNUSED], []),
    ("dbt", [PROJECT, "--extra", "gold", *OURS], ["pipeline"]),
    ("local", [PROJECT, "--extra", "local", *OURS, *UNUSED], ["pipeline", "dbt"]),
    ("dashboard", ["dashboard/pyproject.toml"], ["local"]),
    ("build", ["requirements/build.in"], ["local"]),
    ("workflows", ["workflows/pyproject.toml", *OURS], ["local", "dashboard"]),
    ("dev", ["requirements/dev.in"], ["local", "dashboard", "workflows"]),
)
OPTIONS = (
    *("--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"),
    *("--no-header", "--no-strip-extras", "--no-emit-index-url", "--no-emit-find-links"),
)


def main() -> int:
    """Writes the locks."""
    for name, sources, kept in LOCKS:
        constraints = [word for lock in kept for word in ("--constraints", f"requirements/{lock}.txt")]
        command = ["uv", "pip", "compile", *OPTIONS, *sys.argv[1:], *sources, *constraints]
        output = ["--output-file", f"requirements/{name}.txt"]
        subprocess.run([sys.executable, "-m", *command, *output], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
