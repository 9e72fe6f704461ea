"""deploy/ and `make stack`: what is mounted exists, what is probed is served, what was written follows from alerts/."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from alertmanagerlab import STATUS, free_port
from externals import ROOT, require
from prometheus_client import CollectorRegistry

from exporter.clock import Clock
from exporter.configfile import load
from exporter.publisher import Publisher
from exporter.web import application
from tools import stack, write_deploy

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
PINNED = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+")
START_LIMIT = 90.0


def parsed(file: Path) -> Any:
    """The only document of a YAML file."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def objects() -> Iterator[Any]:
    """Every Kubernetes object."""
    for file in sorted(KUBERNETES.glob("*.yaml")):
        if file.name != "kustomization.yaml":
            yield from yaml.safe_load_all(file.read_text(encoding="utf-8"))


def only(kind: str) -> Any:
    """The one Kubernetes object of a kind."""
    [found] = [each for each in objects() if each["kind"] == kind]
    return found


def compose() -> Any:
    """compose.yaml."""
    return parsed(DEPLOY / "compose.yaml")


def pages() -> set[str]:
    """The paths that the agent serves."""
    publisher = Publisher(CollectorRegistry(), clock=Clock(), budget=1)
    app = application(publisher, status=lambda: STATUS, ready=lambda: True, late=lambda: ())
    return {route.resource.canonical for route in app.router.routes() if route.resource is not None}


def test_written_files() -> None:
    """PrometheusRule and the configurations for compose are what tools/write_deploy.py makes of alerts/ now."""
    assert write_deploy.main(["--check"]) == 0


def test_prometheus_rules_equal_the_rules() -> None:
    """Each file of rules is one PrometheusRule with the same groups, and there are no others."""
    found = {each["metadata"]["name"]: each["spec"] for each in objects() if each["kind"] == "PrometheusRule"}

    assert found == {
        f"novacenter-{file.name.removesuffix('.rules.yml')}": parsed(file)
        for file in (ROOT / "alerts").glob("*.rules.yml")
    }


def test_compose_configurations_name_services() -> None:
    """Targets, the webhook and the receiver of alerts are services of compose.yaml, by the port that they listen on."""
    prometheus = parsed(DEPLOY / "compose" / "prometheus.yml")
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in prometheus["scrape_configs"]}
    alerting = prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    text = (DEPLOY / "compose" / "alertmanager.yml").read_text(encoding="utf-8")

    assert jobs == {"novacenter": ["agent:9272"], "novacenter-late": ["agent:9272"], "prometheus": ["prometheus:9090"]}
    assert alerting == ["alertmanager:9093"]
    assert "url: http://agent:9272/webhook/alertmanager" in text
    assert "credentials_file: /run/secrets/webhook_token" in text
    assert set(compose()["services"]) == {"agent", "prometheus", "alertmanager", "grafana"}


def test_compose_mounts_exist() -> None:
    """Every file and directory that is mounted is in the repository, read-only; every other volume is declared."""
    made = compose()
    for service in made["services"].values():
        for volume in service["volumes"]:
            source, *rest = volume.split(":")
            if source.startswith("."):
                assert (DEPLOY / source).exists(), volume
                assert rest[1:] == ["ro"], volume
            else:
                assert source in made["volumes"]


def test_compose_mounts_every_file_of_rules() -> None:
    """Prometheus gets all of alerts/*.rules.yml, beside its configuration, where `*.rules.yml` finds them."""
    mounted = {volume.split(":")[1] for volume in compose()["services"]["prometheus"]["volumes"]}

    rules = {f"/etc/prometheus/{file.name}" for file in (ROOT / "alerts").glob("*.rules.yml")}
    assert mounted == {*rules, "/etc/prometheus/prometheus.yml", "/prometheus"}


def test_compose_services_are_hardened() -> None:
    """Images of others are pinned, nobody is privileged or writes his image, ports are on loopback, all have checks."""
    for name, service in compose()["services"].items():
        assert name == "agent" or PINNED.fullmatch(service["image"])
        assert "privileged" not in service
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["healthcheck"]["test"][0] == "CMD"


def test_compose_secrets_are_files() -> None:
    """Each secret is a file that is not in the repository, is used, and is in no environment variable."""
    made = compose()
    used = {name for service in made["services"].values() for name in service.get("secrets", ())}

    assert {name: secret["file"] for name, secret in made["secrets"].items()} == {
        name: f"./secrets/{name}" for name in used
    }
    assert (DEPLOY / "secrets" / ".gitignore").read_text(encoding="utf-8") == "*\n!.gitignore\n"
    named = [
        key for service in made["services"].values() for key in service.get("environment", ()) if "PASSWORD" in key
    ]
    assert named == ["GF_SECURITY_ADMIN_PASSWORD__FILE"]


def test_compose_health_path() -> None:
    """The agent's health check asks for a page that the agent has."""
    [asked] = re.findall(r"127\.0\.0\.1:9272(/[^']*)'", compose()["services"]["agent"]["healthcheck"]["test"][-1])

    assert asked in pages()


@pytest.mark.parametrize("file", ["compose/novacenter.yml", "kubernetes/novacenter.yml"])
def test_configurations_load(file: str, tmp_path: Path) -> None:
    """The agent takes the configurations as they are, given the secrets where they say, and listens for others."""
    text = (DEPLOY / file).read_text(encoding="utf-8")
    for path in re.findall(r"/run/secrets/\S*[a-z]", text):
        secret = tmp_path / Path(path).name
        secret.write_text("correct-horse\n")
        text = text.replace(path, str(secret))
    (tmp_path / "novacenter.yml").write_text(text)

    config = load(tmp_path / "novacenter.yml", environ={})

    assert [vcenter.name for vcenter in config.vcenters] == ["vc1"]
    assert yaml.safe_load(text)["listen"] == "0.0.0.0:9272"


def test_compose_secrets_are_where_the_agent_looks() -> None:
    """The secrets that the agent's configuration names are those that its service has."""
    named = re.findall(r"/run/secrets/(\w+)", (DEPLOY / "compose" / "novacenter.yml").read_text(encoding="utf-8"))

    assert sorted(named) == sorted(compose()["services"]["agent"]["secrets"])


def test_grafana_provisioning() -> None:
    """The provider reads the directory where dashboards/ is mounted; the data source is compose.yaml's Prometheus."""
    provisioning = DEPLOY / "grafana" / "provisioning"
    [provider] = parsed(provisioning / "dashboards" / "novacenter.yaml")["providers"]
    [source] = parsed(provisioning / "datasources" / "prometheus.yaml")["datasources"]
    mounts = dict(volume.split(":")[:2] for volume in compose()["services"]["grafana"]["volumes"])

    assert mounts["../dashboards"] == provider["options"]["path"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")


def test_kubernetes_paths_are_served() -> None:
    """Probes and scrapes ask for pages that the agent has, at a port that has that name."""
    [container] = only("Deployment")["spec"]["template"]["spec"]["containers"]
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")]
    scrapes = only("ServiceMonitor")["spec"]["endpoints"]

    assert [probe["path"] for probe in probes] == ["/-/healthy", "/-/healthy", "/-/ready"]
    assert {each["path"] for each in (*probes, *scrapes)} <= pages()
    assert {each["port"] for each in (*probes, *scrapes)} == {"http"}
    assert [port["name"] for port in container["ports"]] == ["http"]
    assert [port["name"] for port in only("Service")["spec"]["ports"]] == ["http"]


def test_kubernetes_pod_is_hardened() -> None:
    """The pod is not root, writes only its volumes, has no capabilities and no token, and says what it needs."""
    pod = only("Deployment")["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]) == {"requests", "limits"}
    assert PINNED.fullmatch(container["image"])


def test_kubernetes_references() -> None:
    """Selectors find the pod, every mount has its volume, and the secrets are those of the configuration."""
    deployment = only("Deployment")
    pod = deployment["spec"]["template"]["spec"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    secret = next(volume["secret"] for volume in pod["volumes"] if "secret" in volume)
    [container] = pod["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    config = (KUBERNETES / "novacenter.yml").read_text(encoding="utf-8")

    assert deployment["spec"]["selector"]["matchLabels"] == only("Service")["spec"]["selector"] == labels
    assert only("ServiceMonitor")["spec"]["selector"]["matchLabels"] == only("Service")["metadata"]["labels"]
    assert set(mounts) == {volume["name"] for volume in pod["volumes"]}
    assert re.findall(r"/run/secrets/\S+", config) == [
        f"{mounts['secrets']}/{item['path']}" for item in secret["items"]
    ]


def test_kustomizations_name_every_file() -> None:
    """All manifests and all dashboards are in a kustomization, and nothing that does not exist."""
    kubernetes = parsed(KUBERNETES / "kustomization.yaml")
    dashboards = parsed(ROOT / "dashboards" / "kustomization.yaml")
    manifests = {file.name for file in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    generated = [file for each in dashboards["configMapGenerator"] for file in each["files"]]

    assert set(kubernetes["resources"]) == {*manifests, "../../dashboards"}
    assert kubernetes["configMapGenerator"][0]["files"] == ["novacenter.yml"]
    assert sorted(generated) == sorted(file.name for file in (ROOT / "dashboards").glob("*.json"))


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="install kubectl")
def test_kustomize_builds() -> None:
    """kustomize makes every object; a dashboard is in its ConfigMap byte for byte, and small enough for the API."""
    made = subprocess.run(["kubectl", "kustomize", str(KUBERNETES)], capture_output=True, check=True, text=True).stdout
    found = list(yaml.safe_load_all(made))
    maps = [each for each in found if each["kind"] == "ConfigMap" and "dashboard" in each["metadata"]["name"]]

    assert {name: text for each in maps for name, text in each["data"].items()} == {
        file.name: file.read_text(encoding="utf-8") for file in (ROOT / "dashboards").glob("*.json")
    }
    assert all(len(json.dumps(each)) < 1 << 20 for each in found)
    assert all(each["metadata"]["labels"]["grafana_dashboard"] == "1" for each in maps)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="install systemd")
def test_systemd_unit(tmp_path: Path) -> None:
    """systemd finds nothing wrong with the unit, given a program where it says."""
    unit = tmp_path / "novacenter.service"
    text = (DEPLOY / "systemd" / "novacenter.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/novacenter/bin/novacenter", sys.executable))

    said = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, check=False, text=True)

    assert (said.returncode, said.stderr) == (0, "")


def test_stack_alertmanager_tells_nobody() -> None:
    """The stack keeps routes and inhibitions as shipped; no receiver has anything to send to."""
    shipped = parsed(ROOT / "alerts" / "alertmanager.yml")
    made = stack.alertmanager_config(shipped)

    assert {**made, "receivers": None} == {**shipped, "receivers": None}
    assert made["receivers"] == [{"name": each["name"]} for each in shipped["receivers"]]


async def test_stack_says_which_address_is_taken(tmp_path: Path) -> None:
    """Where somebody listens already, nothing is started and nothing is written."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        process = await asyncio.create_subprocess_exec(
            *command(tmp_path / "stack", {"agent": address}), stderr=asyncio.subprocess.PIPE
        )
        _, said = await process.communicate()

    assert (process.returncode, said.decode()) == (
        1,
        f"stack: agent: {address}: Address already in use; end what listens there, or say --agent\n",
    )
    assert not (tmp_path / "stack").exists()


def command(directory: Path, addresses: dict[str, str]) -> list[str]:
    """What `make stack` runs."""
    options = [f"--{name}={address}" for name, address in addresses.items()]
    return [sys.executable, str(ROOT / "tools" / "stack.py"), f"--directory={directory}", *options]


@pytest.mark.external
@pytest.mark.timeout(240)
async def test_stack_runs_and_leaves_nothing(tmp_path: Path) -> None:
    """Prometheus scrapes the demo agent, its watchdog alert arrives in Alertmanager, and Ctrl-C ends all of it."""
    require("prometheus")
    require("alertmanager")
    addresses = {name: f"127.0.0.1:{free_port()}" for name in stack.SHIPPED}
    process = await asyncio.create_subprocess_exec(
        *command(tmp_path / "stack", addresses), stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_LIMIT):
            while not (line := await process.stdout.readline()).startswith(b"Alertmanager"):
                assert line
        async with asyncio.timeout(START_LIMIT), aiohttp.ClientSession() as http:
            await arrived(http, f"http://{addresses['alertmanager']}/api/v2/alerts")
    finally:
        process.send_signal(signal.SIGINT)
        said = (await process.communicate())[0].decode()

    assert (process.returncode, said.splitlines()[-1]) == (0, "stopped")
    assert not (tmp_path / "stack").exists()
    for address in addresses.values():
        stack.check_free({"any": address})


async def arrived(http: aiohttp.ClientSession, url: str) -> None:
    """Returns when Alertmanager has the alert that always fires."""
    while True:
        async with http.get(url) as reply:
            if "NovacenterWatchdog" in {alert["labels"]["alertname"] for alert in await reply.json()}:
                return
        await asyncio.sleep(0.5)
