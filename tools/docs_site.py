"""The site's order, its pages made from code, and links between pages that lie in different places; a hook of mkdocs.

A new page in docs/ is a how-to guide, unless `_PLACES` says otherwise. Reference pages exist in the site alone: what
they tell has its place in code, where it is changed.
"""

from __future__ import annotations

import ast
import html
import inspect
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.main
import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from stocks import errors
from stocks import settings as settings_module
from stocks.cli.app import app
from stocks.settings import Settings

ROOT = Path(__file__).parents[1]
# Pages that lie elsewhere in the repository, and what they are called in the site.
_OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "images/dbt/README.md": "argodbt.md",
}
_PLACES = {
    "Tutorial": ["tutorial.md"],
    "Runbook": ["runbook.md"],
    "Explanation": [
        *("star-schema.md", "held-series.md", "faults.md", "attacks.md", "security.md", "performance.md"),
    ],
    "Project": ["contributing.md", "changelog.md"],
}
_LINK = re.compile(
    r"(?P<before>!?\[(?P<text>[^\]]*)\]\()(?P<target>(?!https?://|#|mailto:)[^)#\s]+)(?P<anchor>#[^)]*)?\)"
)
_VALUE = re.compile(r"^(?P<indent> *)(?:- )?(?P<name>[\w.-]+):(?: (?P<default>.*))?$")


def settings() -> Iterator[str]:
    """The environment's variables, in the order of the class."""
    yield "# Settings\n\nThe environment goes before `.env` in the working directory.\n"
    yield "| variable | default | |\n| --- | --- | --- |"
    told = _docstrings(inspect.getsource(settings_module), "Settings")
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        yield f"| `{name.upper()}` | {default} | {_cell(told[name])} |"


def commands() -> Iterator[str]:
    """Every command of `stocks`, with its arguments and options, as `--help` has them."""
    yield "# Commands\n\n`stocks COMMAND --help` prints the same."
    yield from _command(typer.main.get_command(app), "stocks", 1)


def _command(command: Any, path: str, depth: int) -> Iterator[str]:
    if depth > 1:
        yield f"\n{'#' * min(depth, 4)} {path}\n\n{html.escape(inspect.cleandoc(command.help or ''))}\n"
    options = [each for each in command.params if each.name != "help" and not getattr(each, "hidden", False)]
    if options and depth > 1:
        yield "| | default | |\n| --- | --- | --- |"
        for each in options:
            names = ", ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts))
            names = names if each.param_type_name == "option" else f"`{each.name.upper()}`"
            is_told = each.default not in (None, False, "") and not callable(each.default)
            default = f"`{each.default}`" if is_told and type(each.default) in (str, int, float, bool) else ""
            yield f"| {names} | {default} | {_cell(getattr(each, 'help', '') or '')} |"
    for name, child in getattr(command, "commands", {}).items():
        yield from _command(child, f"{path} {name}", depth + 1)


def exit_codes() -> Iterator[str]:
    """The tree of errors, as its module tells it."""
    told = inspect.getdoc(errors) or ""
    title, _, rest = told.partition("\n\n")
    tree, _, end = rest.partition("\n\n")
    yield f"# Exit codes\n\n{title}\n\n```\n{tree}\n```\n\n{end}\n\nWhat to type for each: [Runbook](../runbook.md)."


def values(chart: str) -> Iterator[str]:
    """A chart's values: what stands after `# --` above each."""
    yield f"# Values of the chart {chart}\n\n| value | default | |\n| --- | --- | --- |"
    told, above = "", list[tuple[int, str]]()
    for line in (ROOT / "charts" / chart / "values.yaml").read_text().splitlines():
        if match := re.match(r" *# -- (.*)", line):
            told = match[1]
        elif told and (match := re.match(r" *# (.*)", line)):
            told += f" {match[1]}"
        elif match := _VALUE.match(line):
            indent = len(match["indent"])
            above = [each for each in above if each[0] < indent] + [(indent, match["name"])]
            if told:
                default = match["default"] or ""
                name = ".".join(name for _, name in above)
                yield f"| `{name}` | {f'`{_cell(default)}`' if default else ''} | {_cell(told)} |"
            told = ""


def columns() -> Iterator[str]:
    """Gold's relations and columns, from dbt's contracts."""
    yield "# Columns of gold\n\nTypes are enforced contracts; the same descriptions are comments in PostgreSQL."
    for path in sorted((ROOT / "dbt/models/gold").glob("*.yml")):
        for model in yaml.safe_load(path.read_text())["models"]:
            yield f"\n## {model['name']}\n\n{html.escape(model['description'])}\n"
            yield "| column | type | |\n| --- | --- | --- |"
            for column in model["columns"]:
                yield f"| `{column['name']}` | {column['data_type']} | {_cell(column['description'])} |"


def _charts() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "charts").glob("*/values.yaml"))


REFERENCE: dict[str, Callable[[], Iterator[str]]] = {
    "settings": settings,
    "commands": commands,
    "exit-codes": exit_codes,
    "gold-columns": columns,
    **{f"values-{chart}": lambda chart=chart: values(chart) for chart in _charts()},  # type: ignore[misc]
}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds the pages that lie elsewhere or are made, and puts all in order."""
    for source, place in _OUTSIDE.items():
        if (ROOT / source).is_file():
            files.append(File.generated(config, place, content=(ROOT / source).read_text()))
    for name, made in REFERENCE.items():
        files.append(File.generated(config, f"reference/{name}.md", content="\n".join(made()) + "\n"))
    there = [file.src_uri for file in files.documentation_pages()]
    placed = {page for pages in _PLACES.values() for page in pages}
    decisions = sorted(page for page in there if page.startswith("adr/"))
    reference = [f"reference/{name}.md" for name in REFERENCE]
    guides = sorted({*there} - placed - {*decisions, *reference, "index.md"})
    nav: dict[str, list[Any]] = {name: [page for page in pages if page in there] for name, pages in _PLACES.items()}
    config.nav = [
        {"Home": "index.md"},
        {"Tutorial": nav["Tutorial"]},
        {"How-to": guides},
        {"Reference": reference},
        {"Explanation": [*nav["Explanation"], {"Decisions": decisions}]},
        {"Runbook": nav["Runbook"]},
        {"Project": nav["Project"]},
    ]
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads links to where their pages are in the site; those to code to the repository, where there is one."""
    place = page.file.src_uri
    if place.startswith("reference/"):
        return markdown
    source = next((ROOT / each for each, name in _OUTSIDE.items() if name == place), ROOT / "docs" / place)

    def led(link: re.Match[str]) -> str:
        path = os.path.relpath(source.parent / link["target"], ROOT)
        target = _OUTSIDE.get(path) or path.removeprefix("docs/")
        if files.get_file_from_path(target):
            return f"{link['before']}{os.path.relpath(target, Path(place).parent)}{link['anchor'] or ''})"
        if config.repo_url:
            return f"{link['before']}{config.repo_url}/blob/main/{path})"
        return link["text"] if link["text"].startswith("`") else f"{link['text']} (`{path}`)"

    return _LINK.sub(led, markdown)


def _docstrings(source: str, name: str) -> dict[str, str]:
    """What stands below each field of a class."""
    (found,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == name)
    told = {}
    for field, below in zip(found.body, found.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
            told[ast.unparse(field.target)] = str(ast.literal_eval(below.value))
    return told


def _cell(text: str) -> str:
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|")
