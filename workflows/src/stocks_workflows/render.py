"""All manifests as text, the way they are committed."""

from __future__ import annotations

from stocks_workflows.templates import daily, gold, ingest, replay

HEADER = "# Written by `make generate` from workflows/src: change it there.\n"


def rendered() -> dict[str, str]:
    """The text of each manifest, by file name."""
    return {f"{made.name}.yaml": HEADER + made.to_yaml(width=120) for made in (ingest(), gold(), replay(), daily())}
