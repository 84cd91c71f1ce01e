"""Options that several commands take."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Annotated

import typer

from stocks.cli.report import Output

Tickers = Annotated[str, typer.Option(help="Symbols, separated by commas (default: the universe).")]
AsText = Annotated[
    Output | None,
    typer.Option("--output", help="text for a person, json for a machine (default: text on a terminal, else json)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The same as --output json.")]
RunId = Annotated[
    uuid.UUID | None,
    typer.Option(help="The run in ops.run that this step belongs to: a workflow's steps share one (see `report`)."),
]
Force = Annotated[bool, typer.Option("--force", help="Fetch even where no session has ended since the latest answer.")]
Overview = Annotated[bool, typer.Option("--overview", help="Fetch company attributes too: a second request a ticker.")]
InCluster = Annotated[
    bool, typer.Option("--cluster", help="Of the Kubernetes cluster that kubectl talks to, not of this machine.")
]
ToFile = Annotated[Path | None, typer.Option("--to", help="Write the result to this file, too.")]
