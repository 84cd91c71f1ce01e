"""What a node is given, as the plugin template has it, and how it ended, as Argo wants to be told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLUGIN = "worker"
"""The name of the sidecar, and the key of its part in a template."""
SCRATCH = "$SCRATCH"
"""Stands in arguments and paths for the node's own folder."""

_LONGEST = 150  # characters of a label; a key in a store may have a thousand


class Malformed(Exception):
    """A template that is not written for this worker."""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file, or a folder of files, that goes from the artifact store to a node's folder or back."""

    path: str
    key: str
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Node:
    """One try of a node."""

    workflow: str
    uid: str
    """Of the workflow."""
    name: str
    """Argo's full name of the node, the number of the try behind it."""
    args: Sequence[str]
    """The program's command line."""
    seconds: float
    """It is ended when it takes longer."""
    inputs: Sequence[File] = ()
    outputs: Sequence[File] = ()
    results: Mapping[str, str] = field(default_factory=dict)
    """Output parameters: their names, and the files that the values stand in."""
    logs: str = ""
    """Key of the folder that its log goes to; empty: to standard output alone."""

    @classmethod
    def of_request(cls, request: Mapping[str, Any]) -> Node | None:
        """The node that Argo asks for; None where it is another plugin's.

        Args:
            request: The body of template.execute.

        Raises:
            Malformed: The template is not written for this worker.
        """
        try:
            given = request["template"]["plugin"].get(PLUGIN)
            if given is None:
                return None
            return cls(
                workflow=request["workflow"]["metadata"]["name"],
                uid=request["workflow"]["metadata"].get("uid", ""),
                name=f"{given['node']}({given['try']})",
                args=[str(word) for word in given["args"] if word != ""],
                seconds=float(given["seconds"]),
                inputs=[File(**file) for file in given.get("inputs", [])],
                outputs=[File(**file) for file in given.get("outputs", [])],
                results=dict(given.get("results", {})),
                logs=given.get("logs", ""),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Malformed(f"{type(error).__name__}: {error}") from error

    @property
    def label(self) -> str:
        """The name without the workflow's, for logs and keys."""
        return re.sub(r"[^\w.()-]", "-", self.name.removeprefix(f"{self.workflow}."))[:_LONGEST]

    @property
    def log_key(self) -> str:
        """Where its log goes: as a pod's, whose folder is called as the pod is."""
        return f"{self.logs}/{self.label}/main.log" if self.logs else ""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a node ended."""

    exit_code: int | None = None
    """The program's; None where it never came to run, or what it left could not be kept."""
    message: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    log_key: str = ""

    @property
    def phase(self) -> str:
        """Argo's word for it."""
        if self.exit_code is None:
            return "Error"
        return "Failed" if self.exit_code else "Succeeded"

    @property
    def reply(self) -> dict[str, Any]:
        """The answer to template.execute."""
        outputs: dict[str, Any] = {}
        if self.exit_code is not None:
            outputs["exitCode"] = str(self.exit_code)
        if self.parameters:
            outputs["parameters"] = [{"name": name, "value": value} for name, value in self.parameters.items()]
        if self.log_key:
            # By this name Argo's UI knows a log in the store.
            outputs["artifacts"] = [{"name": "main-logs", "s3": {"key": self.log_key}}]
        return {"node": {"phase": self.phase, "message": self.message, "outputs": outputs}}


def within(text: str, folder: Path) -> str:
    """An argument or a path with the node's own folder in it."""
    return text.replace(SCRATCH, str(folder))
