"""Fetches what the dashboard's charts are drawn with, by npm's own client, and checks what is committed.

    python tools/assets.py
    python tools/assets.py --check

--check needs no network: it compares the committed files with the locked hashes. Another version is a change of
`PACKAGE` alone: run `make assets`, which refuses a tarball that isn't the locked one and prints what it got instead.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "dashboard/src/stocks_dashboard/time_chart"
PACKAGE = "lightweight-charts@5.2.1"
TARBALL = "sha512-IVwoK1RLFiLPubaKIjNbtjWLnpPMqiABSrTay6whmNa8L1+19292VtHJ+BWyPUuLCwF0tcQlhEWd1CLB2a1nsQ=="
"""The tarball's integrity, as npm tells and locks it."""
FILES = {
    "dist/lightweight-charts.standalone.production.mjs": (
        "lightweight-charts-5.2.1.js",
        "1bb1ee79f9d4dd17261b53d930f7a8995748276f80e7ba0e24412b5068062f5f",
    ),
    "LICENSE": ("lightweight-charts.LICENSE", "70c9d5382506dd184465425c08a99ad9bd6d9ac1313c252968ba0b585e5ef823"),
}
"""Each file of the package that is committed: under which name, and its SHA-256."""


def fetch() -> None:
    """Writes the files from the locked tarball.

    Raises:
        SystemExit: The registry gave another tarball than the locked one.
    """
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", PACKAGE, "--silent", "--pack-destination", folder], check=True)
        [tarball] = Path(folder).iterdir()
        got = "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
        if got != TARBALL:
            sys.exit(f"{PACKAGE} is {got}, not the {TARBALL} that tools/assets.py locks.")
        with tarfile.open(tarball) as package:
            for source, (name, _) in FILES.items():
                member = package.extractfile(f"package/{source}")
                assert member is not None, source
                (FOLDER / name).write_bytes(member.read())


def check() -> int:
    """Tells which files aren't the locked ones."""
    wrong = [
        name
        for name, sha256 in FILES.values()
        if not (FOLDER / name).is_file() or hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() != sha256
    ]
    for name in wrong:
        print(f"{name} isn't the file that tools/assets.py locks: run `make assets`.", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    if "--check" not in sys.argv[1:]:
        fetch()
    sys.exit(check())
