"""What deploy/ holds can be applied: rendered, valid to the last field, and at one with the settings and the image."""

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.files.settings import FileDeadLetters
from connectors.inbox.settings import InboxSource
from flows.settings import load
from flows.settings.model import Settings
from tests.fixtures.needs import is_missing
from tests.tools.deploy.manifests import (
    DEPLOY,
    Document,
    applied,
    criticised,
    dangling,
    documents,
    invalid,
    missing_tools,
    pods,
    problems,
    render,
)

pytestmark = pytest.mark.slow

TAKING_IN = {"serve": "stream", "collect": "collector"}
"""The folders whose pods take events in, and what those are called."""
STREAM_FOLDERS = sorted({each.parent.name for each in DEPLOY.glob("overlays/*/kustomization.yaml")} - {*TAKING_IN})
SETTINGS = sorted(DEPLOY.rglob("*.toml"))
EVERYWHERE = "0.0.0.0"  # noqa: S104 - within a pod
CLOSING_SECONDS = 9
"""A second in which answers ask clients to close, and eight for what has begun."""
SPARE_SECONDS = 10
"""From the end of the drain to the end of the process: the last snapshot."""


@pytest.fixture(autouse=True)
def _tools() -> None:
    if missing := missing_tools():
        is_missing(f"not on the PATH: {', '.join(missing)}")


@cache
def rendering(name: str) -> str:
    return render(DEPLOY / "overlays" / name)


def rendered(name: str) -> list[Document]:
    return documents(rendering(name))


def one(found: list[Document], kind: str, name: str = "stream") -> Any:
    (match,) = (each for each in found if each["kind"] == kind and each["metadata"]["name"].startswith(name))
    return match


def stream_settings(found: list[Document], tmp_path: Path) -> Settings:
    path = tmp_path / "stream.toml"
    path.write_text(one(found, "ConfigMap", "stream-settings")["data"]["stream.toml"], encoding="utf-8")
    return load(path)


@pytest.mark.parametrize("folder", applied(), ids=lambda each: str(each.relative_to(DEPLOY)))
def test_every_folder_is_valid_to_the_last_field_and_well_advised(folder: Path) -> None:
    assert problems(folder) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("readinessProbe:", "readynessProbe:"),
        ("terminationGracePeriodSeconds: 60", "terminationGracePeriodSeconds: sixty"),
        ("readOnlyRootFilesystem: true", "readonlyRootFilesystem: true"),
        ("podManagementPolicy: Parallel", "podManagmentPolicy: Parallel"),
        ("whenUnsatisfiable: ScheduleAnyway", "whenUnsatisfied: ScheduleAnyway"),
        ("unhealthyPodEvictionPolicy: AlwaysAllow", "unhealthyEvictionPolicy: AlwaysAllow"),
        ("endPort: 9098", "lastPort: 9098"),
        ("scrapeTimeout: 10s", "scrapeTimout: 10s"),
        ("interval: 15s", "interval: 15 seconds"),
        ("alert: StreamStuck", "alarm: StreamStuck"),
        ("for: 15m", "for: 15 minutes"),
    ],
)
def test_a_misspelt_field_is_refused(right: str, wrong: str) -> None:
    manifests = rendering("slices")
    assert right in manifests
    assert invalid(manifests.replace(right, wrong))


def test_a_misspelt_field_of_the_pod_template_is_refused_as_a_pod_too() -> None:
    manifests = rendering("slices").replace("fsGroupChangePolicy", "fsGroupChangesPolicy")
    assert invalid(yaml.safe_dump_all(pods(documents(manifests))))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("mountPath: /tmp\n          name: tmp", "mountPath: /tmp\n          name: temp"),
        ("port: health\n          periodSeconds: 10", "port: healthy\n          periodSeconds: 10"),
        ("secretName: appsflyer", "secretName: appsfleyer"),
    ],
)
def test_what_refers_to_nothing_is_found(right: str, wrong: str) -> None:
    manifests = rendering("slices")
    assert right in manifests
    assert list(dangling(documents(manifests.replace(right, wrong))))


def test_a_probe_that_is_gone_is_criticised() -> None:
    manifests = rendering("slices")
    assert criticised(manifests.replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"))


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.yaml")), ids=lambda each: str(each.relative_to(DEPLOY)))
def test_every_advice_that_is_not_followed_has_its_reason_beside_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for names in re.findall(r"kube-score/ignore: (\S+)", text):
        for name in names.split(","):
            assert re.search(rf"# {name}: \w+", text), name


def written(*numbers: str) -> "subprocess.CompletedProcess[str]":
    script = DEPLOY / "jobs" / "reslice" / "job.sh"
    return subprocess.run([script, *numbers], capture_output=True, text=True, check=False)


def test_the_reslice_job_is_the_one_that_its_script_writes() -> None:
    assert (DEPLOY / "jobs" / "reslice" / "job.yaml").read_text(encoding="utf-8") == written("4", "6").stdout


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 3), (6, 4), (12, 1)])
def test_the_reslice_job_has_every_slices_volume_and_makes_only_new_ones(before: int, after: int) -> None:
    *claims, job = documents(written(str(before), str(after)).stdout)
    assert [each["metadata"]["name"] for each in claims] == [f"state-stream-{i}" for i in range(before, after)]
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    volumes = {
        each["name"]: each["persistentVolumeClaim"]["claimName"]
        for each in spec["volumes"]
        if len(each) == 2 and "persistentVolumeClaim" in each
    }
    places = {each["mountPath"]: volumes.get(each["name"]) for each in container["volumeMounts"]}
    states = [each.removeprefix("--state=") for each in container["args"] if each.startswith("--state=")]
    assert [places[each] for each in states] == [f"state-stream-{i}" for i in range(max(before, after))]
    assert container["args"][:3] == ["reslice", f"--from={before}", f"--to={after}"]


@pytest.mark.parametrize("wrong", [(), ("4",), ("4", "4"), ("0", "4"), ("4", "six"), ("4", "6", "8")])
def test_the_reslice_script_refuses_what_is_no_change(wrong: tuple[str, ...]) -> None:
    assert written(*wrong).returncode == 2


@pytest.mark.parametrize("path", SETTINGS, ids=lambda each: str(each.relative_to(DEPLOY)))
def test_settings_are_right_and_made_for_a_container(path: Path) -> None:
    settings = load(path)
    health = settings.health
    assert health.host == EVERYWHERE
    if settings.syncs:
        assert (health.port, health.add_slice_to_port) == (9464, False)
        assert settings.state.directory == Path("/state")
    if settings.collector is not None:
        assert (settings.collector.host, settings.collector.health_port) == (EVERYWHERE, 9463)
        assert settings.collector.api_keys


@pytest.mark.parametrize("name", STREAM_FOLDERS)
def test_a_pod_has_time_for_its_drain(name: str, tmp_path: Path) -> None:
    found = rendered(name)
    grace = one(found, "StatefulSet")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= stream_settings(found, tmp_path).delivery.drain_seconds + SPARE_SECONDS


@pytest.mark.parametrize("name", STREAM_FOLDERS)
def test_every_slice_knows_how_many_there_are(name: str) -> None:
    spec = one(rendered(name), "StatefulSet")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert environment["SLICES"] == str(spec["replicas"])
    assert container["args"] == ["run", "--slice", "$(POD_INDEX)/$(SLICES)"]


@pytest.mark.parametrize("name", STREAM_FOLDERS)
def test_slices_of_two_numbers_cannot_run_at_the_same_time(name: str) -> None:
    spec = one(rendered(name), "StatefulSet")["spec"]
    count = str(spec["replicas"])
    assert spec["template"]["metadata"]["labels"]["stream-slices"] == count
    affinity = spec["template"]["spec"]["affinity"]["podAntiAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/os"
    other = {"key": "stream-slices", "operator": "NotIn", "values": [count]}
    assert term["labelSelector"]["matchExpressions"] == [other]


@pytest.mark.parametrize("name", STREAM_FOLDERS)
def test_the_pods_find_what_the_settings_and_the_image_name(name: str, tmp_path: Path) -> None:
    found = rendered(name)
    (container,) = one(found, "StatefulSet")["spec"]["template"]["spec"]["containers"]
    mounts = {each["mountPath"] for each in container["volumeMounts"]}
    settings = stream_settings(found, tmp_path)
    image = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    assert "STREAM_SETTINGS=/etc/stream/stream.toml" in image
    assert {"/etc/stream", "/tmp", str(settings.state.directory)} <= mounts  # noqa: S108 - the container's own
    places = [key.place for sync in settings.syncs for key in sync.keys if key.kind == "file"]
    places += [str(settings.delivery.ca_file)] if settings.delivery.ca_file else []
    assert all(any(place.startswith(f"{mount}/") for mount in mounts) for place in places)
    assert container["ports"] == [{"name": "health", "containerPort": settings.health.port, "protocol": "TCP"}]


def taking_in(name: str) -> tuple[Document, Document]:
    """Return the pod that takes events in, and its container."""
    kind = "StatefulSet" if name == "serve" else "Deployment"
    pod = one(rendered(name), kind, TAKING_IN[name])["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


def collector_settings(name: str, tmp_path: Path) -> Settings:
    path = tmp_path / "stream.toml"
    path.write_text(one(rendered(name), "ConfigMap", f"{TAKING_IN[name]}-settings")["data"]["stream.toml"])
    return load(path)


@pytest.mark.parametrize("name", TAKING_IN)
def test_clients_reach_the_port_of_the_settings_and_find_the_keys_read(name: str, tmp_path: Path) -> None:
    """From the Service to the container's port, through the network policy, to the settings."""
    found, (_, container) = rendered(name), taking_in(name)
    collector = collector_settings(name, tmp_path).collector
    assert collector is not None
    assert container["args"] == [name]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports["events"] == collector.port
    assert collector.health_port in ports.values()
    service = one(found, "Service", "collector")["spec"]
    assert service["ports"][0] == {"name": "events", "port": 80, "targetPort": "events"}
    assert service["selector"] == {"app.kubernetes.io/name": TAKING_IN[name]}
    opened = one(found, "NetworkPolicy", TAKING_IN[name])["spec"]["ingress"]
    assert {"ports": [{"port": "events", "protocol": "TCP"}]} in opened
    mounts = {each["mountPath"] for each in container["volumeMounts"]}
    places = [each.place for each in collector.api_keys]
    assert all(any(place.startswith(f"{mount}/") for mount in mounts) for place in places)


@pytest.mark.parametrize("name", TAKING_IN)
def test_a_pod_takes_events_in_whatever_is_behind_it(name: str) -> None:
    """Readiness, which the Service goes by, asks whether it listens: clients are answered 429, and not by nobody."""
    _, container = taking_in(name)
    assert container["readinessProbe"]["tcpSocket"] == {"port": "events"}
    assert "httpGet" not in container["readinessProbe"]
    numbers = {each["name"]: each["containerPort"] for each in container["ports"]}
    for probe in ("startupProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert (asked["path"], numbers[asked["port"]]) == ("/livez", 9463)


@pytest.mark.parametrize("name", TAKING_IN)
def test_both_of_its_pages_are_scraped(name: str) -> None:
    """Each endpoint of a ServiceMonitor is a port of the Service that it selects."""
    found, (_, container) = rendered(name), taking_in(name)
    numbers = {each["name"]: each["containerPort"] for each in container["ports"]}
    monitor = one(found, "ServiceMonitor", TAKING_IN[name])["spec"]
    (service,) = (
        each["spec"]
        for each in found
        if each["kind"] == "Service"
        and monitor["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
    )
    targets = {each["name"]: numbers[each["targetPort"]] for each in service["ports"]}
    scraped = {targets[each["port"]] for each in monitor["endpoints"]}
    assert scraped == ({9463, 9464} if name == "serve" else {9463})


def test_a_collector_stops_taking_events_in_after_the_service_has_let_go_of_it() -> None:
    pod, container = taking_in("collect")
    (command, seconds) = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    assert pod["terminationGracePeriodSeconds"] >= int(seconds) + CLOSING_SECONDS + SPARE_SECONDS


def test_the_autoscaler_decides_how_many_collectors_there_are_and_a_drain_leaves_one() -> None:
    found = rendered("collect")
    assert "replicas" not in one(found, "Deployment", "collector")["spec"]
    scaler = one(found, "HorizontalPodAutoscaler", "collector")["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "collector"}
    assert one(found, "PodDisruptionBudget", "collector")["spec"]["maxUnavailable"] < scaler["minReplicas"]


def test_collectors_write_what_the_slices_read(tmp_path: Path) -> None:
    slices = stream_settings(rendered("slices"), tmp_path).source
    assert collector_settings("collect", tmp_path).source == slices


def test_the_small_install_keeps_everything_on_its_volume_and_has_time_for_its_drain(tmp_path: Path) -> None:
    settings = collector_settings("serve", tmp_path)
    pod, _ = taking_in("serve")
    assert isinstance(settings.source, InboxSource)
    assert isinstance(settings.dead_letters, FileDeadLetters)
    for place in (settings.source.directory, settings.dead_letters.directory, settings.state.directory):
        assert place.is_relative_to("/state")
    seconds = settings.delivery.drain_seconds + CLOSING_SECONDS + SPARE_SECONDS  # one after the other
    assert pod["terminationGracePeriodSeconds"] >= seconds


@pytest.mark.parametrize("folder", applied(), ids=lambda each: str(each.relative_to(DEPLOY)))
def test_every_pod_is_restricted(folder: Path) -> None:
    """The rules of Kubernetes' pod security standard `restricted`, and a root file system that is read-only."""
    for pod in pods(documents(render(folder))):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["runAsUser"] > 10_000
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@pytest.mark.parametrize("folder", applied(), ids=lambda each: str(each.relative_to(DEPLOY)))
def test_no_secret_is_written_down_but_the_local_one_that_is_none(folder: Path) -> None:
    for each in documents(render(folder)):
        if each["kind"] == "Secret":
            assert folder.name == "local"
            assert each["data"].keys() == {"s2s-key"}


@pytest.mark.parametrize("folder", applied(), ids=lambda each: str(each.relative_to(DEPLOY)))
def test_images_have_a_version(folder: Path) -> None:
    for pod in pods(documents(render(folder))):
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            assert re.search(r":(?!latest$)[\w.-]+$", container["image"])


def test_the_image_and_the_manifests_are_of_the_projects_version() -> None:
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    component = yaml.safe_load((DEPLOY / "image" / "kustomization.yaml").read_text(encoding="utf-8"))
    assert component["images"][0]["newTag"] == project["version"]
