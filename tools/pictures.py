"""Draws the pictures of README.md and docs/ from what is rendered for Argo and from dbt's contracts, as Mermaid.

A picture stands in its page between `<!-- picture: NAME -->` and `<!-- /picture -->`.

    python tools/pictures.py [--check]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_PLACE = re.compile(r"(?<=<!-- picture: )([\w-]+)( -->\n).*?(?=<!-- /picture -->)", re.DOTALL)
# What the Secret opens that a step is given.
_STORES = {"stocks-provider": "provider", "bronze-writer": "bronze", "warehouse": "warehouse"}


def architecture() -> Iterator[str]:
    """The steps, what each of them is let into, and who reads what comes out."""
    ingest, gold = templates("stocks-ingest"), templates("stocks-gold")
    yield "flowchart LR"
    yield 'provider(["the provider, or the sample"])'
    yield 'bronze[("bronze: answers as received")]'
    yield 'warehouse[("PostgreSQL: silver, gold")]'
    yield "subgraph ingest [stocks-ingest]"
    yield from tasks(ingest, "pod")
    yield "end"
    yield 'gold["stocks-gold: dbt builds, tests, publishes"]'
    for name, template in ingest.items():
        if "--start-gold" in template.get("container", {}).get("args", ()):
            yield f"{name} -->|gold is due| gold"
    edges = [(name, store) for name, template in ingest.items() for store in opened(template)]
    edges += [("gold", store) for template in gold.values() for store in opened(template)]
    for name, store in dict.fromkeys(edges):
        if name != "report":
            yield f"{name} -.- {store}"
    for exposure in yaml.safe_load((ROOT / "dbt/models/exposures.yml").read_text())["exposures"]:
        yield f"warehouse --> {exposure['name']}([{exposure['name']}])"


def workflow(name: str, dag: str, *without: str) -> Iterator[str]:
    """The tasks of a WorkflowTemplate, those of its inner DAGs in a frame.

    Args:
        name: Of the template.
        dag: The one to draw: with pods; nodes without them stand in the same order.
        without: Tasks that are left out.
    """
    yield "flowchart LR"
    found = templates(name)
    yield from tasks(found, dag, *without)
    yield from (f'{each}["{each}, in any case"]' for each in found if each == "report")


def star_schema() -> Iterator[str]:
    """Tables of gold with columns, types and keys, and the tests that tie them together."""
    yield "erDiagram"
    for path in sorted((ROOT / "dbt/models/gold").glob("*.yml")):
        for model in yaml.safe_load(path.read_text())["models"]:
            if not model["name"].startswith(("dim_", "fact_", "mart_")):
                continue
            primary = [name for each in model.get("constraints", ()) for name in each["columns"]]
            ties = {column["name"]: tie for column in model["columns"] if (tie := tied(column))}
            yield f"{model['name']} {{"
            for column in model["columns"]:
                is_primary = column["name"] in primary or {"type": "primary_key"} in column.get("constraints", ())
                keys = ", ".join(["PK"] * is_primary + ["FK"] * (column["name"] in ties))
                yield f"{column['data_type'].replace(' ', '_')} {column['name']} {keys}".rstrip()
            yield "}"
            yield from (f"{table} ||--o{{ {model['name']} : {column}" for column, table in ties.items())


def templates(name: str) -> dict[str, dict[str, Any]]:
    """The templates of a rendered WorkflowTemplate, by name."""
    rendered = yaml.safe_load((ROOT / f"workflows/rendered/{name}.yaml").read_text())
    return {template["name"]: template for template in rendered["spec"]["templates"]}


def tasks(found: dict[str, dict[str, Any]], name: str, *without: str) -> Iterator[str]:
    """Nodes and edges of a DAG."""
    for task in found[name]["dag"]["tasks"]:
        if task["name"] in without:
            continue
        if "dag" in found.get(task.get("template", ""), {}):
            yield f"subgraph {task['name']} [{'each of ' if 'withParam' in task else ''}{task['name']}]"
            yield from tasks(found, task["template"])
            yield "end"
        else:
            yield task["name"]
        earlier = re.findall(r"(?<![.\w-])[a-z][\w-]*", task.get("depends", ""))
        yield from (f"{each} --> {task['name']}" for each in dict.fromkeys(earlier) if each not in without)


def opened(template: dict[str, Any]) -> Iterator[str]:
    """The stores that a template's container has the Secrets of."""
    for variable in template.get("container", {}).get("env", ()):
        secret = variable.get("valueFrom", {}).get("secretKeyRef", {}).get("name", "")
        yield from (store for prefix, store in _STORES.items() if secret.startswith(prefix))


def tied(column: dict[str, Any]) -> str | None:
    """The table that a column's test of relationships names."""
    for test in column.get("data_tests", ()):
        if isinstance(test, dict) and "relationships" in test:
            return re.sub(r"ref\('(\w+)'\)", r"\1", test["relationships"]["arguments"]["to"])
    return None


PICTURES: dict[str, Callable[[], Iterator[str]]] = {
    "architecture": architecture,
    "star-schema": star_schema,
    "stocks-ingest": lambda: workflow("stocks-ingest", "pod"),
    "stocks-gold": lambda: workflow("stocks-gold", "pods", "layer", "single"),
}


def main() -> int:
    """Draws the pictures, or with --check says which are not current."""
    stale = []
    for page in PAGES:
        text = page.read_text()
        drawn = _PLACE.sub(lambda place: f"{place[1]}{place[2]}```mermaid\n{_lines(place[1])}\n```\n", text)
        if drawn != text and "--check" in sys.argv[1:]:
            stale.append(f"{page.name} has a picture that is out of date: run `make generate`.")
        elif drawn != text:
            page.write_text(drawn)
    print("\n".join(stale), end="\n" * bool(stale), file=sys.stderr)
    return bool(stale)


def _lines(name: str) -> str:
    depth, lines = 0, list[str]()
    for line in PICTURES[name]():
        depth -= line in {"end", "}"}
        lines.append("    " * (depth + bool(lines)) + line.strip())
        depth += line.startswith("subgraph ") or line.endswith(" {")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
