"""`make up` and `make down` over programs that a test plays: what they refuse, and what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tools.cluster import argo, images, releases
from tools.cluster.command import Failed
from tools.cluster.network import LABEL
from tools.cluster.options import ROOT, Options

MTU_OPTION = "com.docker.network.driver.mtu"


class Machine:
    """A folder of programs, and what they were asked."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.asked = folder / "asked"
        for name in ("docker", "podman", "kind", "kubectl", "helm"):
            self.plays(name)

    def plays(self, name: str, **answers: str) -> None:
        """A program that answers by its second and third word, and fails where it knows no answer."""
        cases = "".join(f"  {words.replace('_', '-')}) printf '%s' '{text}' ;;\n" for words, text in answers.items())
        script = f'#!/bin/sh\necho "{name} $*" >> {self.asked}\ncase "$1-$2" in\n{cases}  *) exit 1 ;;\nesac\n'
        path = self.bin / name
        path.write_text(script)
        path.chmod(0o755)

    def has_network(self, mtu: int, *, ours: bool) -> None:
        labels = {LABEL: "stocks"} if ours else {}
        network = json.dumps([{"Options": {MTU_OPTION: str(mtu)}, "Labels": labels}])
        self.plays("docker", network_inspect=network, network_rm="", network_create="")

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs `python -m tools.cluster` where only these programs are."""
        return subprocess.run(
            [sys.executable, "-m", "tools.cluster", command],
            cwd=ROOT,
            env={"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), **variables},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(("ours", "mend"), [(True, "\n  make down\n"), (False, "docker network rm stocks-kind")])
def test_up_refuses_a_network_that_is_too_wide_and_says_what_mends_it(ours: bool, mend: str, machine: Machine) -> None:
    machine.has_network(1500, ours=ours)
    ended = machine.run("up", MTU="1400")
    assert ended.returncode == 1
    assert "has an MTU of 1500, and the way out of this host carries 1400" in ended.stderr
    assert mend in ended.stderr
    assert "kind" not in machine.asked.read_text().replace("stocks-kind", "")


def test_up_makes_the_network_with_the_mtu_of_the_way_out(machine: Machine) -> None:
    machine.plays("docker", network_create="")
    machine.run("up", MTU="1400")
    (made,) = (line for line in machine.asked.read_text().splitlines() if "network create" in line)
    assert f"--opt {MTU_OPTION}=1400" in made
    assert made.endswith("stocks-kind")


def test_podman_has_another_name_for_the_option(machine: Machine) -> None:
    machine.plays("podman", network_create="")
    machine.run("up", MTU="1400", PROVIDER="podman", CLUSTER="other")
    (made,) = (line for line in machine.asked.read_text().splitlines() if "network create" in line)
    assert "--opt mtu=1400" in made
    assert made.endswith("other-kind")


def test_down_takes_nothing_away_that_up_did_not_make(machine: Machine) -> None:
    machine.plays("kind", get_clusters="another")
    machine.has_network(1400, ours=False)
    ended = machine.run("down")
    assert ended.returncode == 0, ended.stderr
    assert "there was none" in ended.stdout
    assert not any(word in machine.asked.read_text() for word in ("delete", "network rm"))


def test_down_takes_away_the_cluster_and_its_network(machine: Machine) -> None:
    machine.plays("kind", get_clusters="stocks another", delete_cluster="")
    machine.has_network(1400, ours=True)
    assert machine.run("down").returncode == 0
    asked = machine.asked.read_text()
    assert "kind delete cluster --name stocks" in asked
    assert "docker network rm stocks-kind" in asked


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"PROVIDER": "lxc"}, "PROVIDER=lxc: it is docker or podman"),
        ({"MTU": "big"}, "MTU=big: it is a number"),
    ],
)
def test_what_a_variable_can_not_be_is_refused(variables: dict[str, str], told: str, machine: Machine) -> None:
    ended = machine.run("up", **variables)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert told in ended.stderr


def test_missing_programs_are_named(machine: Machine) -> None:
    (machine.bin / "kind").unlink()
    ended = machine.run("up", PATH=str(machine.bin))
    assert "Not on the PATH: kind." in ended.stderr


@pytest.mark.parametrize("source", ["/no/such/file.yaml", "http://example.org/plain.yaml"])
def test_argo_manifest_that_can_not_be_had_is_named(source: str) -> None:
    with pytest.raises(Failed, match="ARGO_MANIFEST="):
        argo.rendered(Options(argo_manifest=source))


def test_images_are_read_from_manifests_and_the_executor_is_added() -> None:
    lines = ("image: quay.io/argoproj/workflow-controller:v4.1.2", '- image: "postgres:18"', "imagePullPolicy: Always")
    manifests = "\n  ".join(("containers:", *lines))
    named = images.named_in(manifests)
    assert named == {"quay.io/argoproj/workflow-controller:v4.1.2", "postgres:18"}
    assert argo.images(manifests, named) == named | {"quay.io/argoproj/argoexec:v4.1.2"}


def test_workflows_name_the_images_that_up_builds() -> None:
    rendered = "\n".join(path.read_text() for path in (ROOT / "workflows/rendered").glob("*.yaml"))
    assert images.named_in(rendered) == {f"stocks-{name}:{images.version()}" for name in ("pipeline", "dbt")}


@pytest.mark.parametrize("chart", releases.CHARTS)
def test_only_the_image_of_a_chart_starts_its_pods_again(
    chart: str, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.plays("helm", **{"--kube-context_kind-stocks": "[]"})
    monkeypatch.setenv("PATH", f"{machine.bin}:/usr/bin:/bin")
    built = {"stocks-pipeline:1": "sha256:p", "stocks-dbt:1": "sha256:d", "stocks-dashboard:1": "sha256:w"}
    assert releases.install(Options(), chart, built) == "installed"
    expected = {"stocks": {"sampleApi.podAnnotations.image=sha256:p"}, "dashboard": {"podAnnotations.image=sha256:w"}}
    assert set(re.findall(r"--set-string (\S+)", machine.asked.read_text())) == expected.get(chart, set())
