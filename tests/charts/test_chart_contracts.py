"""Names that charts, settings, images and workflows agree on."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from tests.charts.rendering import (
    CHARTS,
    DEFAULTS,
    ROOT,
    containers,
    named,
    pods,
    render,
    steps,
    template,
    workflows,
)

from stocks.gold import BUILD_SCHEMA, environment
from stocks.settings import Settings
from stocks.warehouse import Role, Warehouse

LOGINS = {"owner": Role.OWNER, "writer": Role.WRITER, "reader": Role.READER}


RENDERED = ROOT / "workflows/rendered"


def stocks(scenario: str = "default", **place: str) -> list[dict[str, Any]]:
    return render(CHARTS / "stocks" / "ci" / f"{scenario}-values.yaml", **place)


def login(name: str, objects: list[dict[str, Any]]) -> str:
    secret = named(objects, "Secret", f"warehouse-{name}")
    return base64.b64decode(secret["data"]["STOCKS_WAREHOUSE_URL"]).decode()


def test_configmap_and_secrets_carry_the_names_of_the_settings() -> None:
    objects = stocks("alphavantage")
    keys = list(named(objects, "ConfigMap", "stocks-settings")["data"])
    keys += [k for name in ("stocks-provider", "bronze-writer") for k in named(objects, "Secret", name)["data"]]
    warehouse = {key for name in LOGINS for key in named(objects, "Secret", f"warehouse-{name}")["data"]}
    assert sorted([*keys, *warehouse]) == sorted(name.upper() for name in Settings.model_fields)


@pytest.mark.parametrize("scenario", ["default", "sample-api", "alphavantage", "existing"])
def test_the_settings_understand_the_configmap(scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in named(stocks(scenario), "ConfigMap", "stocks-settings")["data"].items():
        assert isinstance(value, str)
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)
    assert settings.stocks_provider_url == ("http://sample-api:8089/query" if scenario == "sample-api" else None)
    assert settings.sources == {"alphavantage": ("alphavantage", "tiingo"), "existing": ("alphavantage",)}.get(
        scenario, ("sample",)
    )
    assert settings.store_url.startswith("s3://")


@pytest.mark.parametrize("name", LOGINS)
def test_each_login_is_its_own_role(name: str) -> None:
    url = urlsplit(login(name, stocks()))
    assert (url.username, url.hostname, url.port, url.path) == (LOGINS[name], "postgres", 5432, "/stocks")


def test_the_dbt_image_is_parsed_with_what_a_pod_will_have() -> None:
    dockerfile = (ROOT / "images/dbt/Dockerfile").read_text()
    (line,) = re.findall(r"^RUN (PGHOST=.*?) \\$", dockerfile, re.MULTILINE)
    at_build = dict(word.split("=", 1) for word in line.split())
    in_a_pod = environment(Warehouse(login("owner", stocks())), schema=BUILD_SCHEMA)
    profile = (ROOT / "dbt/profiles.yml").read_text()
    read = {name for name in re.findall(r"env_var\('(\w+)'", profile) if not name.startswith("DBT_")}
    assert at_build.keys() == read
    assert {name: in_a_pod[name] for name in read} == at_build


def test_the_database_server_keeps_its_data_on_the_volume() -> None:
    (pod,) = [spec for name, spec in pods(render(DEFAULTS["postgres"])).items() if name.startswith("StatefulSet")]
    (container,) = pod["containers"]
    # PostgreSQL 18's image keeps them in 18/docker below this folder; below .../data they would be lost.
    assert [m["mountPath"] for m in container["volumeMounts"] if m["name"] == "data"] == ["/var/lib/postgresql"]
    assert "PGDATA" not in {each["name"] for each in container["env"]}


@pytest.mark.parametrize(("chart", "ports"), [("postgres", [5432]), ("rustfs", [9000, 9001]), ("dashboard", [8501])])
def test_services_have_the_names_and_ports_that_others_use(chart: str, ports: list[int]) -> None:
    objects = render(DEFAULTS[chart])
    assert [port["port"] for port in named(objects, "Service", chart)["spec"]["ports"]] == ports


def dashboard(scenario: str) -> list[dict[str, Any]]:
    return render(CHARTS / "dashboard" / "ci" / f"{scenario}-values.yaml")


@pytest.mark.parametrize(("scenario", "path"), [("default", ""), ("ingress", "/stocks")])
def test_the_dashboard_is_asked_where_it_is_served(scenario: str, path: str) -> None:
    found = pods(dashboard(scenario))
    (served,) = named(dashboard(scenario), "Deployment", "dashboard")["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each.get("value") for each in served["env"]}
    assert environment.get("STREAMLIT_SERVER_BASE_URL_PATH", "") == path
    probes = {served[f"{each}Probe"]["httpGet"]["path"] for each in ("startup", "readiness", "liveness")}
    assert probes == {f"{path}/_stcore/health"}
    (test,) = next(pod for name, pod in found.items() if "test-page" in str(name))["containers"]
    assert {"name": "URL", "value": f"http://dashboard:8501{path}"} in test["env"]


def test_the_dashboard_is_let_in_by_an_ingress_or_a_route() -> None:
    behind = dashboard("ingress")
    (rule,) = named(behind, "Ingress", "dashboard")["spec"]["rules"]
    service = named(behind, "Service", "dashboard")["spec"]["ports"][0]
    (path,) = rule["http"]["paths"]
    assert (rule["host"], path["path"]) == ("data.example", "/stocks")
    assert path["backend"]["service"] == {"name": "dashboard", "port": {"name": service["name"]}}

    route = named(dashboard("gateway"), "HTTPRoute", "dashboard")["spec"]
    (rule,) = route["rules"]
    assert route["parentRefs"] == [{"name": "public", "namespace": "gateways"}]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert rule["backendRefs"] == [{"name": "dashboard", "port": service["port"]}]
    kinds = {each["kind"] for each in dashboard("default")}
    assert kinds == {"Deployment", "NetworkPolicy", "Pod", "Service"}


def test_the_dashboards_login_is_a_file_that_streamlit_reads() -> None:
    deployment = named(dashboard("ingress"), "Deployment", "dashboard")["spec"]["template"]["spec"]
    (container,) = deployment["containers"]
    assert {"name": "auth", "mountPath": "/tmp/.streamlit", "readOnly": True} in container["volumeMounts"]
    secret = next(each["secret"] for each in deployment["volumes"] if each["name"] == "auth")
    assert secret == {"secretName": "dashboard-oidc", "items": [{"key": "secrets.toml", "path": "secrets.toml"}]}
    assert "HOME=/tmp" in (ROOT / "images/dashboard/Dockerfile").read_text()
    (leaving,) = named(dashboard("ingress"), "NetworkPolicy", "dashboard")["spec"]["egress"]
    assert leaving == {"ports": [{"port": 443, "protocol": "TCP"}]}


def test_pods_of_the_dashboard_are_spread_and_go_one_at_a_time() -> None:
    many, one = dashboard("ingress"), dashboard("default")
    labels = named(many, "Deployment", "dashboard")["spec"]["template"]["metadata"]["labels"]
    budget = named(many, "PodDisruptionBudget", "dashboard")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"].items() <= labels.items()
    (spread,) = named(one, "Deployment", "dashboard")["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert spread["labelSelector"]["matchLabels"].items() <= labels.items()
    (own,) = named(many, "Deployment", "dashboard")["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert own["topologyKey"] == "topology.kubernetes.io/zone"


@pytest.mark.parametrize("scenario", ["default", "warm"])
@pytest.mark.parametrize(("release", "namespace"), [("stocks", "stocks"), ("prices", "markets")])
def test_every_reference_leads_somewhere(scenario: str, release: str, namespace: str) -> None:
    objects = stocks(scenario, release=release, namespace=namespace)
    there = {(each["kind"], each["metadata"]["name"]): set(each.get("data", {})) for each in objects}
    using = {name: containers(pod) for name, pod in pods(objects).items()}
    using |= {name: steps(each) for name, each in workflows(objects).items()}
    for name, found in using.items():
        for container in found:
            for entry in container.get("env", []):
                for kind, reference in entry.get("valueFrom", {}).items():
                    kind = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}[kind]
                    assert reference.get("optional") or reference["key"] in there[kind, reference["name"]], name
            for source in container.get("envFrom", []):
                for kind, reference in source.items():
                    kind = {"secretRef": "Secret", "configMapRef": "ConfigMap"}[kind]
                    assert reference.get("optional") or (kind, reference["name"]) in there, name
    for name, pod in pods(objects).items():
        for volume in pod.get("volumes", []):
            sources = [s["secret"] for s in volume.get("projected", {}).get("sources", [])]
            sources += [{**volume["secret"], "name": volume["secret"]["secretName"]}] if "secret" in volume else []
            for source in sources:
                assert {item["key"] for item in source.get("items", [])} <= there["Secret", source["name"]], name


def test_another_release_in_another_namespace_has_the_same_names_there() -> None:
    here, there = stocks(), stocks(release="prices", namespace="markets")

    def names(objects: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {(each["kind"], each["metadata"]["name"]) for each in objects if each["kind"] not in {"Job", "Pod"}}

    assert names(here) == names(there)
    assert {each["metadata"]["namespace"] for each in workflows(there).values()} == {"markets"}
    bindings = [each for each in there if each["kind"] == "RoleBinding"]
    assert {subject["namespace"] for each in bindings for subject in each["subjects"]} == {"markets"}


def test_workflows_are_what_hera_wrote_where_no_value_says_otherwise() -> None:
    found = workflows(stocks())
    assert {f"{name}.yaml" for name in found} == {path.name for path in RENDERED.glob("*.yaml")}
    for name, each in found.items():
        written = yaml.safe_load((RENDERED / f"{name}.yaml").read_text())
        labels = written["metadata"].pop("labels", {})
        assert labels.items() <= each["metadata"].pop("labels").items()
        notes = written["metadata"].pop("annotations", {})
        assert each["metadata"].pop("annotations") == {**notes, "stocks/nodes": "pod"}
        assert each == written, name


def test_workflows_run_as_the_values_say() -> None:
    found = workflows(stocks("team"))
    schedule = found.pop("stocks-daily")["spec"]
    assert (schedule["schedules"], schedule["timezone"]) == (["0 7 * * 2-6", "@weekly"], "Europe/Berlin")
    for name, each in found.items():
        spec = each["spec"]
        assert spec["imagePullSecrets"] == [{"name": "registry"}]
        assert spec["nodeSelector"] == {"pool": "batch"}
        assert [taint["value"] for taint in spec["tolerations"]] == ["batch"]
        assert "nodeAffinity" in spec["affinity"]
        assert (spec["podPriorityClassName"], spec["podMetadata"]) == ("batch", {"labels": {"team": "data"}})
        accounts = {template.get("serviceAccountName", "data-workflow") for template in spec["templates"]}
        assert accounts == {"data-workflow"} | ({"data-commit"} if name == "stocks-ingest" else set())
        assert spec["serviceAccountName"] == "data-workflow"
        for container in steps(each):
            _, _, image = container["image"].rpartition("/")
            assert container["image"] == f"registry.example:5000/data/{image}"
            assert image in {"stocks-pipeline:1.4.0", "stocks-dbt:1.4.1"}
            assert container["imagePullPolicy"] == "Always"
    templates = {template["name"]: template for template in found["stocks-ingest"]["spec"]["templates"]}
    assert templates["normalize"]["container"]["resources"]["requests"]["cpu"] == "1"
    assert templates["normalize"]["container"]["resources"]["limits"] == {"memory": "4Gi"}
    workers = [each for each in steps(found["stocks-gold"]) if each.get("name") == "worker"]
    assert [each["resources"]["limits"]["memory"] for each in workers] == ["4Gi"]


def test_pods_of_jobs_and_tests_stand_where_those_of_workflows_do() -> None:
    for name, pod in pods(stocks("team")).items():
        assert pod["imagePullSecrets"] == [{"name": "registry"}], name
        is_ours = "stocks-" in name
        assert (pod.get("nodeSelector") == {"pool": "batch"}) == is_ours, name


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("workflows.resources.normalise.limits.memory=1Gi", "there is no step normalise, but commit, extract,"),
        ("postgres.enabled=false", "warehouse.host must say where PostgreSQL is"),
        ("warehouse.host=db.example", "set postgres.enabled=false"),
        ("store.endpoint=https://s3.example", "set rustfs.enabled=false"),
        ("serviceAccounts.commit=", "serviceAccounts"),
        ("store.identity=true", "set store.bootstrap=false"),
        (
            "externalSecrets.secrets.bronze-writer.AWS_ACCESS_KEY_ID.key=x,externalSecrets.store.name=v",
            "would make, too",
        ),
        ("externalSecrets.secrets.mine.KEY.key=x", "externalSecrets"),
        ("global.warehouseCA.configMap=a,global.warehouseCA.secret=b", "warehouseCA"),
        ("schedule.cron={18:30}", "schedule"),
    ],
)
def test_values_that_contradict_one_another_are_refused(values: str, told: str) -> None:
    refused = template("stocks", DEFAULTS["stocks"], "--set", values)
    assert refused.returncode != 0
    assert told in refused.stderr


def test_a_cloud_needs_no_address_of_its_store() -> None:
    aws = render(DEFAULTS["stocks"], "--set=rustfs.enabled=false", "--set=store.region=eu-west-1")
    assert named(aws, "ConfigMap", "stocks-settings")["data"]["AWS_ENDPOINT_URL_S3"] == ""
    (repository,) = named(aws, "ConfigMap", "artifact-repositories")["data"].values()
    assert yaml.safe_load(repository)["s3"]["endpoint"] == "s3.eu-west-1.amazonaws.com"


def test_an_identity_has_no_keys() -> None:
    objects = stocks("cloud")
    assert not re.search("bronze-writer|rustfs-argo", str(objects))
    accounts = {each["metadata"]["name"]: each for each in objects if each["kind"] == "ServiceAccount"}
    for name in ("stocks-workflow", "stocks-commit"):
        assert accounts[name]["metadata"]["annotations"] == {
            "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/stocks"
        }
    for test in ("stocks-test-doctor", "stocks-test-rights"):
        assert named(objects, "Pod", test)["spec"]["serviceAccountName"] == "stocks-workflow"
    (repository,) = named(objects, "ConfigMap", "artifact-repositories")["data"].values()
    s3 = yaml.safe_load(repository)["s3"]
    assert s3["useSDKCreds"] is True
    assert (s3["endpoint"], s3["bucket"]) == ("s3.eu-central-1.amazonaws.com", "acme-stocks-argo")


@pytest.mark.parametrize("scenario", ["cloud", "elsewhere", "existing"])
def test_certificates_are_where_the_warehouse_is_asked(scenario: str) -> None:
    objects = stocks(scenario)
    mount = {"name": "warehouse-ca", "mountPath": "/etc/stocks/warehouse", "readOnly": True}
    source = {"cloud": "rds-ca"}.get(scenario, "warehouse-ca")
    asking: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]] = []
    for name, pod in pods(objects).items():
        asking.append((name, containers(pod), pod["volumes"]))
    for name, each in workflows(objects).items():
        spec = each["spec"]
        if name != "stocks-daily":
            asking.append((name, steps(each), spec["volumes"]))
        if "podSpecPatch" in spec:  # of Argo's agent
            asking.append((name, [], json.loads(spec["podSpecPatch"])["volumes"]))
    assert len(asking) >= 9
    for name, found, volumes in asking:
        if name == "Job/stocks-store":
            continue
        assert [source in str(each) for each in volumes if each["name"] == "warehouse-ca"] == [True], name
        assert all(mount in each["volumeMounts"] for each in found), name
    if scenario != "existing":
        query = urlsplit(login("owner", objects)).query
        assert query == "sslmode=verify-full&sslrootcert=/etc/stocks/warehouse/ca.crt"
        (job,) = [pod for name, pod in pods(objects).items() if name == "Job/stocks-warehouse"]
        told = {each["name"]: each.get("value") for each in job["initContainers"][0]["env"]}
        assert (told["PGSSLMODE"], told["PGSSLROOTCERT"]) == ("verify-full", "/etc/stocks/warehouse/ca.crt")


def test_an_operator_brings_secrets_from_a_vault() -> None:
    objects = stocks("cloud")
    found = {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "ExternalSecret"}
    assert found.keys() == {"stocks-provider", "rds-master"}
    assert found["rds-master"]["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "aws"}
    assert found["rds-master"]["target"] == {"name": "rds-master"}
    assert found["rds-master"]["data"] == [
        {"secretKey": "password", "remoteRef": {"key": "prod/stocks/rds", "property": "password"}}
    ]


def test_argo_finds_its_repository_and_its_semaphore() -> None:
    objects = stocks()
    repositories = named(objects, "ConfigMap", "artifact-repositories")
    default = repositories["metadata"]["annotations"]["workflows.argoproj.io/default-artifact-repository"]
    s3 = yaml.safe_load(repositories["data"][default])["s3"]
    assert (s3["bucket"], s3["endpoint"], s3["insecure"]) == ("argo-artifacts", "rustfs:9000", True)
    for reference in (s3["accessKeySecret"], s3["secretKeySecret"]):
        assert reference["key"] in named(objects, "Secret", reference["name"])["data"]
    assert named(objects, "ConfigMap", "stocks-locks")["data"] == {"provider": "4"}

    cloud = named(stocks("existing"), "ConfigMap", "artifact-repositories")["data"][default]
    assert yaml.safe_load(cloud)["s3"]["endpoint"] == "s3.eu-central-1.amazonaws.com"
    assert yaml.safe_load(cloud)["s3"]["insecure"] is False


def test_the_jobs_are_hooks_that_leave_nothing_behind() -> None:
    for job in [each for each in stocks() if each["kind"] == "Job"]:
        notes = job["metadata"]["annotations"]
        assert notes["helm.sh/hook"] == "post-install,post-upgrade,post-rollback"
        assert notes["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"


def test_the_images_versions_are_the_packages() -> None:
    version = re.search(r'^version = "(.*)"', (ROOT / "images/pipeline/pyproject.toml").read_text(), re.MULTILINE)
    assert version
    for chart in ("stocks", "dashboard"):
        assert yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())["appVersion"] == version[1]
    for dockerfile in (ROOT / "images").glob("*/Dockerfile"):
        assert f"ARG VERSION={version[1]}\n" in dockerfile.read_text()


def test_nodes_without_pods_get_their_agents_rights_where_they_are_asked_for_alone() -> None:
    pods, warm = stocks(), stocks("warm")
    assert named(pods, "ConfigMap", "stocks-nodes")["data"]["nodes"] == "pod"
    assert "stocks-workflow.service-account-token" not in {each["metadata"]["name"] for each in pods}
    switches = named(warm, "ConfigMap", "stocks-nodes")
    assert switches["metadata"]["labels"]["workflows.argoproj.io/configmap-type"] == "Parameter"
    assert switches["data"] == {"nodes": "warm", "granularity": "warm", "artifacts-url": "s3://argo-artifacts"}
    token = named(warm, "Secret", "stocks-workflow.service-account-token")
    assert token["metadata"]["annotations"] == {"kubernetes.io/service-account.name": "stocks-workflow"}
    more = [
        rule
        for rule in named(warm, "Role", "stocks-workflow")["rules"]
        if rule not in named(pods, "Role", "stocks-workflow")["rules"]
    ]
    assert {resource: rule["verbs"] for rule in more for resource in rule["resources"]} == {
        "workflowtasksets": ["list", "watch"],
        "workflowtasksets/status": ["patch"],
    }


def test_backups_are_made_at_night_and_restored_by_hand() -> None:
    objects = stocks()
    crons = {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "CronJob"}
    assert {name: spec.get("suspend", False) for name, spec in crons.items()} == {
        "stocks-backup": False,
        "stocks-restore": True,
    }
    specs = pods(objects)
    for name, login, words in (
        ("backup", "warehouse-writer", ["backup", "--json", "--keep-days=30"]),
        ("restore", "warehouse-owner", ["restore", "--json"]),
    ):
        (container,) = specs[f"CronJob/stocks-{name}"]["containers"]
        assert container["args"] == words
        secrets = {each["name"]: each["valueFrom"]["secretKeyRef"]["name"] for each in container["env"]}
        assert secrets == {
            "STOCKS_WAREHOUSE_URL": login,
            "AWS_ACCESS_KEY_ID": "backup-writer",
            "AWS_SECRET_ACCESS_KEY": "backup-writer",
        }
    default = CHARTS / "stocks/ci/default-values.yaml"
    assert not [each for each in render(default, "--set=backup.enabled=false") if each["kind"] == "CronJob"]
    (container,) = pods(render(default, "--set=backup.restore=2026-11-20"))["CronJob/stocks-restore"]["containers"]
    assert container["args"][-1] == "2026-11-20"


def test_the_job_keeps_bronze_and_lets_artifacts_go() -> None:
    (container,) = pods(stocks())["Job/stocks-store"]["containers"]
    assert container["args"][2:] == [
        "--append-only=/run/logins/bronze",
        "--read-write=/run/logins/argo-artifacts",
        "--read-write=/run/logins/backups",
        "--lock-days=0",
        "--expire=argo-artifacts=30",
    ]
