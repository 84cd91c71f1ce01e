"""What holds for every chart: its values are documented, checked and used, and it renders in every scenario."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.charts.rendering import (
    CHARTS,
    KUBERNETES,
    NAMES,
    PARTS,
    ROOT,
    SCENARIOS,
    chart_of,
    helm,
    render,
    scenario_id,
    template,
    tool,
    workflows,
)

every_scenario = pytest.mark.parametrize("values", SCENARIOS, ids=scenario_id)
every_chart = pytest.mark.parametrize("chart", NAMES)


def test_the_charts_are_there() -> None:
    assert NAMES == ["dashboard", "postgres", "rustfs", "stocks"]


@every_chart
def test_a_chart_has_all_that_a_person_expects(chart: str) -> None:
    folder = CHARTS / chart
    for name in ("values.yaml", "values.schema.json", "templates/NOTES.txt", "ci/default-values.yaml"):
        assert (folder / name).is_file(), name
    assert list((folder / "templates/tests").glob("*.yaml"))
    assert len(list((folder / "ci").iterdir())) > 1


@every_chart
def test_one_object_a_file(chart: str) -> None:
    for path in (CHARTS / chart / "templates").rglob("*.yaml"):
        # Of what Hera wrote each file is one.
        expected = 0 if path.name == "workflows.yaml" else 1
        assert len(re.findall(r"^kind:", path.read_text(), re.MULTILINE)) == expected, path


@every_scenario
def test_helm_lint_is_content(values: Path) -> None:
    linted = helm("lint", "--strict", str(CHARTS / chart_of(values)), "--values", str(values))
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> str:
    """kubeconform's -schema-location: Kubernetes' own schemas, from the package kubernetes-validate."""
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("kubernetes-validate is not installed: it is in requirements/dev.txt")
    shipped = Path(spec.submodule_search_locations[0]) / "kubernetes-json-schema" / f"v{KUBERNETES}-local-strict"
    reference = '"/api/_definitions.json#'  # kubeconform follows references within a file only
    definitions = json.loads((shipped / "_definitions.json").read_text().replace(reference, '"#'))["$defs"]
    folder = tmp_path_factory.mktemp("schemas")
    for kind in (
        *("configmap-v1", "pod-v1", "secret-v1", "service-v1", "serviceaccount-v1", "job-batch-v1", "cronjob-batch-v1"),
        *(
            "deployment-apps-v1",
            "statefulset-apps-v1",
            "ingress-networking-v1",
            "networkpolicy-networking-v1",
            "poddisruptionbudget-policy-v1",
            "role-rbac-v1",
            "rolebinding-rbac-v1",
        ),
    ):
        schema = json.loads((shipped / f"{kind}.json").read_text().replace(reference, '"#'))
        del schema["$id"]
        (folder / f"{kind}.json").write_text(json.dumps({**schema, "$defs": definitions}))
    return f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


def conform(schemas: str, objects: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    command = [tool("kubeconform"), "-strict", "-summary", "-schema-location", schemas, "-"]
    return subprocess.run(command, input=yaml.safe_dump_all(objects), capture_output=True, text=True, check=False)


@every_chart
def test_kubernetes_knows_every_field(chart: str, schemas: str) -> None:
    objects = [each for values in SCENARIOS if chart_of(values) == chart for each in render(values)]
    # What isn't Kubernetes' own has its fields in test_chart_contracts.py.
    others = ("gateway.networking.k8s.io/", "external-secrets.io/", "argoproj.io/")
    objects = [each for each in objects if not each["apiVersion"].startswith(others)]
    checked = conform(schemas, objects)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"Valid: {len(objects)}" in checked.stdout


def test_argo_knows_every_field() -> None:
    schema = json.loads((ROOT / "tests/workflows/schemas/argo-workflows.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    for values in SCENARIOS:
        found = workflows(render(values))
        assert len(found) == (0 if chart_of(values) != "stocks" else 3 if values.name == "as-of-values.yaml" else 4)
        for each in found.values():
            validator.validate(each)


def test_a_field_that_kubernetes_does_not_know_is_found(schemas: str) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"prots": []}}
    assert "prots" in conform(schemas, [service]).stdout


def leaves(values: dict[str, Any], above: str = "") -> Iterator[str]:
    """Paths of values; a map that is handed on whole (resources, settings) is one."""
    for name, value in values.items():
        path = f"{above}.{name}"
        if isinstance(value, dict) and value and name not in {"resources", "settings"}:
            yield from leaves(value, path)
        else:
            yield path


def own_values(chart: str) -> dict[str, Any]:
    """What a chart's templates read: not what it tells another chart."""
    values: dict[str, Any] = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    return {name: value for name, value in values.items() if name not in PARTS}


def test_what_comes_along_is_what_is_there_and_knows_what_it_is_told() -> None:
    chart, values = (yaml.safe_load((CHARTS / "stocks" / name).read_text()) for name in ("Chart.yaml", "values.yaml"))
    assert sorted(each["name"] for each in chart["dependencies"]) == list(PARTS)
    for part in chart["dependencies"]:
        name = part["name"]
        assert part["condition"] == f"{name}.enabled"
        assert part["version"] == yaml.safe_load((CHARTS / name / "Chart.yaml").read_text())["version"]
        assert (CHARTS / "stocks/charts" / name).resolve() == CHARTS / name
        told = set(leaves(values[name])) - {".enabled"}
        assert told <= set(leaves(own_values(name)))


@every_chart
def test_no_value_goes_unused(chart: str) -> None:
    templates = "".join(path.read_text() for path in (CHARTS / chart / "templates").rglob("*.*"))
    # `{{- with $.Values.warehouse }} … .host`: the block, then the field.
    blocks = {
        f"{block}.{field}"
        for block, body in re.findall(r"with \$\.Values(\.\w+) \}\}(.*?)\{\{- end", templates, re.DOTALL)
        for field in re.findall(r"[ (]\.(\w+)", body)
    }
    assert [
        p
        for p in leaves(own_values(chart))
        if not re.search(rf"\.Values{re.escape(p)}\b", templates) and p not in blocks
    ] == []


@every_chart
def test_every_value_is_explained_and_in_the_schema(chart: str) -> None:
    text = (CHARTS / chart / "values.yaml").read_text()
    schema = json.loads((CHARTS / chart / "values.schema.json").read_text())

    def described(path: str) -> bool:
        node = schema
        for name in path.strip(".").split("."):
            if "$ref" in node:
                node = schema["definitions"][node["$ref"].rpartition("/")[2]]
            node = node.get("properties", {}).get(name)
            if node is None:
                return False
        return True

    for path in leaves(yaml.safe_load(text)):
        name = path.rpartition(".")[2]
        assert described(path), path
        assert re.search(rf"# -- .*(?:\n *#.*)*\n *{name}:", text), f"{path} has no `# --`"


@every_chart
def test_a_misspelt_value_is_refused(chart: str) -> None:
    refused = template(chart, CHARTS / chart / "ci/default-values.yaml", "--set", "imgae.tag=1")
    assert refused.returncode != 0
    assert "imgae" in refused.stderr
