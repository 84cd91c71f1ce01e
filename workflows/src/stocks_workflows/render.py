"""All manifests as text, the way they are committed."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from stocks.gold.dbt import invoke
from stocks.gold.manifest import Manifest, read_manifest

from stocks_workflows.templates import daily, gold, ingest, replay

HEADER = "# Written by `make generate` from workflows/src and dbt/: change it there.\n"


def rendered() -> dict[str, str]:
    """The text of each manifest, by file name."""
    made = (ingest(), gold(_parsed()), replay(), daily())
    return {f"{each.name}.yaml": HEADER + each.to_yaml(width=120) for each in made}


@cache
def _parsed() -> Manifest:
    """The dbt project's manifest: parsing it needs no warehouse."""
    with tempfile.TemporaryDirectory() as folder:
        invoke(["parse"], variables={}, artifacts=Path(folder))
        return read_manifest(Path(folder) / "target" / "manifest.json")
