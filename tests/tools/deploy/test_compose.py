"""deploy/compose.yaml at one with what it starts: images, commands, mounted files, settings, dependencies."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.appsflyer.sandbox.certificate import CA_FILE
from connectors.inbox.settings import InboxSource
from connectors.kafka.settings import KafkaDeadLetters, KafkaSource
from flows.commands.parser import COMMANDS
from flows.settings import load
from tests.tools.deploy.manifests import DEPLOY

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, each in SERVICES.items() if "build" in each]


def mounts(name: str) -> list[tuple[str, str, bool]]:
    """Return a service's volumes: source, target, whether it is read-only."""
    parts = [each.split(":") for each in SERVICES[name].get("volumes", [])]
    return [(each[0], each[1], each[2:] == ["ro"]) for each in parts]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there_and_is_not_written_to(name: str) -> None:
    for source, _target, is_read_only in mounts(name):
        if source.startswith("."):
            assert (DEPLOY / source).exists()
            assert is_read_only
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_waited_for_is_there_and_can_become_so(name: str) -> None:
    waits = SERVICES[name].get("depends_on", [])
    for each in waits:
        assert each in SERVICES
        if isinstance(waits, dict) and waits[each]["condition"] == "service_healthy":
            assert "test" in SERVICES[each]["healthcheck"]


@pytest.mark.parametrize("name", OURS)
def test_ours_are_built_from_the_containerfile_and_hardened(name: str) -> None:
    service = SERVICES[name]
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "entrypoint" in service or service["command"][0] in COMMANDS


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OURS])
def test_images_of_others_have_a_version(name: str) -> None:
    _, _, version = SERVICES[name]["image"].rpartition(":")
    assert version[0].isdigit() or version[0] == "v"


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_open_beyond_this_machine(name: str) -> None:
    assert all(each.startswith("127.0.0.1:") for each in SERVICES[name].get("ports", []))


def test_the_streams_settings_name_the_other_services() -> None:
    settings = load(DEPLOY / "compose" / "stream.toml")
    assert isinstance(settings.source, KafkaSource)
    assert isinstance(settings.dead_letters, KafkaDeadLetters)
    made = " ".join(SERVICES["topics"]["command"])
    assert f"make {settings.source.topic} " in made
    assert f"make {settings.dead_letters.topic} " in made
    assert f"PLAINTEXT://{settings.source.bootstrap_servers}" in str(SERVICES["kafka"]["environment"])
    sandbox = SERVICES["sandbox"]
    options = dict(each[2:].split("=") for each in sandbox["command"][1:])
    assert settings.delivery.endpoint == f"https://{sandbox['hostname']}:{options['port']}"
    assert options["host"] == sandbox["hostname"]
    # The stream sees the sandbox's volume under another path.
    places = {source: target for source, target, _ in mounts("stream")}
    directory = options["tls"].replace(mounts("sandbox")[0][1], places["sandbox"])
    assert str(settings.delivery.ca_file) == f"{directory}/{CA_FILE}"
    assert [str(key) for sync in settings.syncs for key in sync.keys] == ["env:APPSFLYER_S2S_KEY"]
    assert SERVICES["stream"]["environment"]["APPSFLYER_S2S_KEY"] == options["key"]


def test_the_stream_has_time_for_its_drain() -> None:
    drain_seconds = load(DEPLOY / "compose" / "stream.toml").delivery.drain_seconds
    assert int(SERVICES["stream"]["stop_grace_period"].removesuffix("s")) >= drain_seconds + 10


def test_the_small_install_is_one_service_whose_settings_fit_it() -> None:
    """It has what the services above have, a volume for all that is kept, and its keys from the shell alone."""
    small = yaml.safe_load((DEPLOY / "compose-serve.yaml").read_text(encoding="utf-8"))
    (service,) = small["services"].values()
    settings = load(DEPLOY / "compose" / "serve.toml")
    assert settings.collector is not None
    assert service["command"] == ["serve"]
    hardened = ("read_only", "cap_drop", "security_opt", "tmpfs", "restart", "image")
    assert {name: service[name] for name in hardened} == {name: SERVICES["stream"][name] for name in hardened}
    ports = (settings.collector.port, settings.collector.health_port, settings.health.port)
    assert service["ports"] == [f"127.0.0.1:{port}:{port}" for port in ports]
    assert "./compose/serve.toml:/etc/stream/stream.toml:ro" in service["volumes"]
    assert "state:/state" in service["volumes"]
    assert isinstance(settings.source, InboxSource)
    assert settings.source.directory.is_relative_to("/state")
    assert settings.state.directory == Path("/state")
    assert int(service["stop_grace_period"].removesuffix("s")) >= settings.delivery.drain_seconds + 10
    named = {
        each.place for each in (*settings.collector.api_keys, *(key for sync in settings.syncs for key in sync.keys))
    }
    assert named == set(service["environment"])
    assert all(value.startswith(f"${{{name}:?") for name, value in service["environment"].items())


def test_prometheus_scrapes_the_streams_port() -> None:
    config = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text(encoding="utf-8"))
    health = tomllib.loads((DEPLOY / "compose" / "stream.toml").read_text(encoding="utf-8"))["health"]
    (job,) = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"stream:{health['port']}"]}]
