"""Compiles requirements/*.txt: every version and hash, for every platform, and no download address.

python tools/lock.py [--upgrade]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = "images/pipeline/pyproject.toml"
# Each lock keeps the versions of the one before it, so that one environment can hold them all.
LOCKS = (
    ("pipeline", [PROJECT, "--extra", "sample", "--extra", "cluster"]),
    ("dbt", [PROJECT, "--extra", "gold", "-c", "requirements/pipeline.txt"]),
    ("local", [PROJECT, "--extra", "local", "-c", "requirements/pipeline.txt", "-c", "requirements/dbt.txt"]),
    ("dashboard", ["dashboard/pyproject.toml", "-c", "requirements/local.txt"]),
    ("build", ["requirements/build.in", "-c", "requirements/local.txt"]),
    ("workflows", ["workflows/pyproject.toml", "--no-emit-package", "stocks", "-c", "requirements/local.txt"]),
    ("dev", ["requirements/dev.in", "-c", "requirements/local.txt"]),
)
OPTIONS = (
    *("--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"),
    *("--no-header", "--no-strip-extras", "--no-emit-index-url", "--no-emit-find-links"),
)


def main() -> int:
    """Writes the locks."""
    for name, sources in LOCKS:
        command = [
            "uv",
            "pip",
            "compile",
            *OPTIONS,
            *sys.argv[1:],
            *sources,
            "-o",
            f"requirements/{name}.txt",
        ]
        subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
