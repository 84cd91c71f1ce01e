"""The graph of a dbt project as text: for programs, and as a picture."""

from __future__ import annotations

import json
from dataclasses import asdict

from argodbt.graph import Graph
from argodbt.manifest import Manifest


def as_json(graph: Graph) -> str:
    """Tasks, the nodes that each runs, and what it waits for."""
    tasks = [
        {**asdict(task), "pod": task.pod.model_dump(exclude_none=True, exclude_defaults=True)} for task in graph.tasks
    ]
    facts = {"project": graph.project, "granularity": graph.granularity, "digest": graph.digest, "tasks": tasks}
    return json.dumps(facts, indent=2)


def as_mermaid(graph: Graph, manifest: Manifest) -> str:
    """A flowchart in Mermaid's language, which GitHub and Argo's own documentation draw."""
    lines = ["flowchart LR"]
    for task in graph.tasks:
        built = [manifest.nodes[node].name for node in task.nodes if manifest.nodes[node].is_built]
        tests = sum(manifest.nodes[node].is_test for node in task.nodes)
        words = [*(built or [task.name]), *([f"{tests} test{'' if tests == 1 else 's'}"] if built and tests else [])]
        # Mermaid takes "end" and the like for its own words: an identifier must be none.
        lines.append(f'  t_{task.name}["{"<br>".join(words)}"]')
    lines += [f"  t_{before} --> t_{task.name}" for task in graph.tasks for before in task.after]
    return "\n".join(lines)
