"""All manifests as text, the way they are committed."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from argodbt.dbt import Dbt
from argodbt.manifest import Manifest
from stocks.settings import project_folder
from stocks_workflows.templates import daily, gold, ingest, replay

HEADER = "# Written by `make generate` from workflows/src and dbt/: change it there.\n"


def rendered() -> dict[str, str]:
    """The text of each manifest, by file name."""
    made = (ingest(), gold(_parsed()), replay(), daily())
    return {f"{each.name}.yaml": HEADER + each.to_yaml(width=120) for each in made}


@cache
def _parsed() -> Manifest:
    """The dbt project's manifest: parsing it needs no warehouse."""
    project = str(project_folder())
    with tempfile.TemporaryDirectory() as folder:
        return Dbt(Path(folder), variables={"DBT_PROJECT_DIR": project, "DBT_PROFILES_DIR": project}).parse()
