"""Writes workflows/rendered, or with --check says whether it is current."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stocks_workflows.render import rendered

FOLDER = Path(__file__).parents[2] / "rendered"


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="stocks_workflows", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is not current")
    check = parser.parse_args().check
    files = rendered()
    stale = [name for name, text in files.items() if not (path := FOLDER / name).exists() or path.read_text() != text]
    stale += [path.name for path in FOLDER.glob("*.yaml") if path.name not in files]
    if check:
        print(f"Not current: {', '.join(sorted(stale))}: run `make generate`." if stale else "Workflows are current.")
        return bool(stale)
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        if name in files:
            (FOLDER / name).write_text(files[name])
        else:
            (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
