"""Options that several commands take."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Annotated

import typer

from stocks.cli.report import Output

AsText = Annotated[
    Output | None,
    typer.Option("--output", help="text for a person, json for a machine (default: text on a terminal, else json)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The same as --output json.")]
RunId = Annotated[
    uuid.UUID | None,
    typer.Option(help="The run in ops.run that this step belongs to: a workflow's steps share one (see `report`)."),
]
InCluster = Annotated[
    bool, typer.Option("--cluster", help="Of the Kubernetes cluster that kubectl talks to, not of this machine.")
]
InNamespace = Annotated[
    str, typer.Option("--namespace", "-n", help="There: where stocks is (default: kubectl's own, else stocks).")
]
ToFile = Annotated[Path | None, typer.Option("--to", help="Write the result to this file, too.")]
NoGold = Annotated[bool, typer.Option("--no-gold", help="Stop at silver: another step builds gold.")]
