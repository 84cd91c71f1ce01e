"""`make up` and `make down` over programs that a test plays: what they refuse, and what they say."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tools.cluster import argo, dotenv, images, mtu, releases
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
        self.told = folder / "told"
        """What a program was last given at standard input."""
        for name in ("docker", "podman", "kind", "kubectl", "helm"):
            self.plays(name)

    def plays(self, name: str, **answers: str) -> None:
        """A program that answers by its second and third word, and fails where it knows no answer."""
        cases = "".join(f"  {words.replace('_', '-')}) printf '%s' '{text}' ;;\n" for words, text in answers.items())
        told = f'case "$*" in *" -" | *" - "*) cat > {self.told} ;; esac'
        script = f'#!/bin/sh\necho "{name} $*" >> {self.asked}\n{told}\ncase "$1-$2" in\n{cases}  *) exit 1 ;;\nesac\n'
        path = self.bin / name
        path.write_text(script)
        path.chmod(0o755)

    def has_network(self, mtu: int, *, ours: bool) -> None:
        labels = {LABEL: "stocks"} if ours else {}
        network = json.dumps([{"Options": {MTU_OPTION: str(mtu)}, "Labels": labels}])
        self.plays("docker", network_inspect=network, network_rm="", network_create="")

    def has_cluster(self, *, on: str) -> None:
        self.plays("kind", get_clusters="stocks another", delete_cluster="")
        path = self.bin / "docker"
        path.write_text(
            path.read_text().replace("*) exit", f"inspect---format) echo '{json.dumps({on: {}})}' ;; *) exit")
        )

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


@pytest.mark.parametrize(
    ("ours", "told", "mend"),
    [
        (True, "has an MTU of 1500, and the way out of this host carries 1400", "make down CLUSTER=stocks"),
        (False, "is none that `make up` made", "docker network rm stocks-kind"),
    ],
)
def test_up_refuses_a_wrong_network_and_says_what_mends_it(ours: bool, told: str, mend: str, machine: Machine) -> None:
    machine.has_network(1500, ours=ours)
    ended = machine.run("up", MTU="1400")
    assert ended.returncode == 1
    assert told in ended.stderr
    assert ended.stderr.endswith(f"\n  {mend}\n")
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
    machine.has_network(1400, ours=True)
    machine.has_cluster(on="stocks-kind")
    ended = machine.run("down")
    assert ended.returncode == 0, ended.stderr
    asked = machine.asked.read_text()
    assert "kind delete cluster --name stocks" in asked
    assert "docker network rm stocks-kind" in asked


@pytest.mark.parametrize(("network", "ours"), [("kind", False), ("kind", True), ("stocks-kind", False)])
@pytest.mark.parametrize("command", ["up", "down"])
def test_a_cluster_that_up_did_not_make_is_left_alone(command: str, network: str, ours: bool, machine: Machine) -> None:
    machine.has_network(1400, ours=ours)
    machine.has_cluster(on=network)
    ended = machine.run(command, MTU="1400")
    assert ended.returncode == 1
    if command == "down" or ours:
        assert "`make up` did not make the kind cluster stocks" in ended.stderr
        assert "\n  kind delete cluster --name stocks\n" in ended.stderr
    assert not any(word in machine.asked.read_text() for word in ("delete", "network rm", "create"))


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
    assert argo.images(manifests) == named | {"quay.io/argoproj/argoexec:v4.1.2"}


def test_workflows_name_the_images_that_up_builds() -> None:
    rendered = "\n".join(path.read_text() for path in (ROOT / "workflows/rendered").glob("*.yaml"))
    assert images.named_in(rendered) == {f"stocks-{name}:{images.version()}" for name in ("pipeline", "dbt")}


def test_a_new_image_starts_its_pods_again(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.plays("helm", **{"--kube-context_kind-stocks": ""})
    monkeypatch.setenv("PATH", f"{machine.bin}:/usr/bin:/bin")
    built = {f"stocks-{name}:{images.version()}": f"sha256:{name}" for name in images.OURS}
    assert releases.install(Options(values="mine.yaml"), releases.values(built, {"source": "tiingo"})) == "deployed"
    told = json.loads(machine.told.read_text())
    assert told["sampleApi"]["podAnnotations"] == {"image": "sha256:pipeline"}
    assert told["dashboard"]["podAnnotations"] == {"image": "sha256:dashboard"}
    assert (told["source"], told["nodes"]) == ("tiingo", "warm")
    # The user's own values come last, which is first with Helm.
    assert "--values - --values mine.yaml" in machine.asked.read_text()


def test_images_are_handed_over_by_kind_which_leaves_out_what_the_node_has(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{machine.bin}:/usr/bin:/bin")
    machine.plays("docker", image_inspect="sha256:1")
    machine.plays("kind", **{"load_docker-image": ""})
    assert images.load(Options(), ["stocks-dbt:1", "rustfs/rustfs:1"]) == "the node has 2"
    assert "kind load docker-image --name stocks rustfs/rustfs:1 stocks-dbt:1" in machine.asked.read_text()


DOTENV = """
# ALPHAVANTAGE_API_KEY=old
export ALPHAVANTAGE_API_KEY = "A1" # mine
TIINGO_API_KEY='t 2'
ANOTHER_API_KEY=private
STOCKS_SERIES=weekly_adjusted # not daily
STOCKS_SAMPLE_AS_OF=2005-02-25
STOCKS_SOURCE= # those with a key
"""


@pytest.mark.parametrize(
    ("environment", "keys", "values"),
    [
        ({}, {"ALPHAVANTAGE_API_KEY": "A1", "TIINGO_API_KEY": "t 2"}, {"source": "alphavantage,tiingo"}),
        (
            {"STOCKS_SOURCE": "tiingo", "TIINGO_API_KEY": "T#7"},
            {"ALPHAVANTAGE_API_KEY": "A1", "TIINGO_API_KEY": "T#7"},
            {},
        ),
        ({"STOCKS_SOURCE": "sample"}, {}, {}),
    ],
)
def test_keys_reach_the_cluster_by_standard_input_alone(
    environment: dict[str, str],
    keys: dict[str, str],
    values: dict[str, str],
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / ".env").write_text(DOTENV)
    machine.plays("kubectl", **{"--context_kind-stocks": ""})
    monkeypatch.setenv("PATH", f"{machine.bin}:/usr/bin:/bin")
    settings = dotenv.read(tmp_path / ".env", environment)
    expected = {"source": environment.get("STOCKS_SOURCE"), "series": "weekly_adjusted"} | values
    assert dotenv.values(settings) == expected | ({"provider": {"existingSecret": True}} if keys else {})
    said = dotenv.install(Options(), settings)
    assert machine.told.exists() == bool(keys)
    if keys:
        secret = json.loads(machine.told.read_text())
        assert secret["metadata"]["name"] == "stocks-provider"
        assert {name: base64.b64decode(key).decode() for name, key in secret["data"].items()} == keys
        assert not any(key in said + machine.asked.read_text() for key in keys.values())


def test_sources_may_be_set_apart_by_spaces(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STOCKS_SOURCE=tiingo, alphavantage # in this order\nTIINGO_API_KEY=a#b\n")
    settings = dotenv.read(tmp_path / ".env", {})
    assert settings == {"STOCKS_SOURCE": "tiingo, alphavantage", "TIINGO_API_KEY": "a#b"}
    assert dotenv.values(settings)["source"] == "tiingo,alphavantage"


def test_without_a_file_or_a_key_the_chart_says_what_is_taken(tmp_path: Path) -> None:
    settings = dotenv.read(tmp_path / ".env", {})
    assert dotenv.values(settings) == {}
    assert dotenv.install(Options(), settings) == "no key"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(Failed, match="it must be a text file"):
        dotenv.read(tmp_path / ".env", {})


def test_probe_is_what_kubernetes_takes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"mtu": 1400, "full": True, "larger": False, "seconds": 0.1}
    machine.plays("kubectl", **{"--context_kind-stocks": json.dumps(found)})
    monkeypatch.setenv("PATH", f"{machine.bin}:/usr/bin:/bin")
    assert mtu.probe(Options(), "172.18.0.1") == found
    policy, pod = yaml.safe_load_all(machine.told.read_text())
    assert policy["spec"]["egress"] == [{"to": [{"ipBlock": {"cidr": "172.18.0.1/32"}}]}]
    (container,) = pod["spec"]["containers"]
    compile(container["command"][2], "probe.py", "exec")
    assert container["command"][3:] == ["172.18.0.1", "http://rustfs:9000"]
