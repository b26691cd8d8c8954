"""What a good stream.toml becomes."""

import subprocess
import sys
from pathlib import Path

import pytest

from connectors.appsflyer.fields import CANONICAL
from connectors.appsflyer.mapped import IN_PLACE
from connectors.export_api.settings import PullSettings
from connectors.files.settings import FileDeadLetters, FilesSource
from connectors.kafka.settings import KafkaDeadLetters, KafkaSource
from connectors.secrets import SecretRef
from flows.domain.identifiers import DEFAULT_PATHS
from flows.domain.sync import Condition, Operator, PropertyRules, Selection
from flows.settings import SettingsError, load
from flows.settings.file import parse
from flows.settings.identity import IdentityPathsTable
from flows.settings.model import Settings
from flows.settings.sync_tables import FieldsTable

HERE = Path("/srv/stream/stream.toml")
KAFKA = '[source]\nkind = "kafka"\nbootstrap_servers = "k:9092"\ntopic = "amplitude"\n'
FILES = '[source]\nkind = "files"\npaths = ["exports/*.zip", "/abs/a.json"]\n'
SYNC = '[[sync]]\nname = "production"\nios_app_id = "id1"\ns2s_key = "env:KEY"\n'
ALL = 'events = "all"\n'


def sync_of(rows: str, base: str = SYNC) -> Settings:
    return parse(KAFKA + base + rows, HERE)


def test_a_minimal_file_gets_every_default(tmp_path: Path) -> None:
    path = tmp_path / "stream.toml"
    path.write_text(KAFKA + SYNC + ALL)
    settings = load(path)
    assert settings.source == KafkaSource("k:9092", "amplitude", "amplitude-appsflyer-stream")
    assert settings.path == path
    assert settings.state.directory == tmp_path / "state"
    assert settings.dead_letters == FileDeadLetters(tmp_path / "dead-letters")
    assert settings.identity.identifier_paths == DEFAULT_PATHS
    assert settings.delivery.endpoint_of("s2s_key") == "https://api3.appsflyer.com"
    assert settings.delivery.endpoint_of("dev_key") == "https://api2.appsflyer.com"
    assert settings.syncs[0].keys == (SecretRef("env", "KEY"),)
    assert settings.syncs[0].enabled


def test_a_relative_settings_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stream.toml").write_text(KAFKA + SYNC + ALL)
    monkeypatch.chdir(tmp_path)
    settings = load(Path("stream.toml"))
    assert settings.path == tmp_path / "stream.toml"
    assert settings.state.directory.is_absolute()


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "stream.toml"
    path.write_text("\ufeff" + KAFKA + SYNC + ALL, encoding="utf-8")
    assert load(path).syncs


def test_relative_paths_start_at_the_settings_file() -> None:
    text = FILES + '[state]\ndirectory = "s"\n[dead_letters]\ndirectory = "d"\n[delivery]\nca_file = "ca.pem"\n'
    settings = parse(text + SYNC.replace("env:KEY", "file:keys/k") + ALL, HERE)
    assert settings.source == FilesSource(("/srv/stream/exports/*.zip", "/abs/a.json"))
    assert settings.state.directory == Path("/srv/stream/s")
    assert settings.dead_letters == FileDeadLetters(Path("/srv/stream/d"))
    assert settings.delivery.ca_file == Path("/srv/stream/ca.pem")
    assert settings.syncs[0].keys == (SecretRef("file", "/srv/stream/keys/k"),)


def test_wildcards_in_the_name_of_the_files_own_directory_stay_its_name() -> None:
    settings = parse(FILES + SYNC + ALL, Path("/srv/[a]/stream.toml"))
    assert isinstance(settings.source, FilesSource)
    assert settings.source.paths[0] == "/srv/[[]a]/exports/*.zip"


def test_an_endpoint_is_for_both_kinds_of_keys() -> None:
    settings = parse(KAFKA + '[delivery]\nendpoint = "http://127.0.0.1:8080/"\n' + SYNC + ALL, HERE)
    assert (
        settings.delivery.endpoint_of("s2s_key") == settings.delivery.endpoint_of("dev_key") == "http://127.0.0.1:8080"
    )


@pytest.mark.parametrize("host", ["127.9.9.9", "localhost", "[::1]:81"])
def test_http_is_taken_for_loopback_hosts(host: str) -> None:
    settings = parse(KAFKA + f'[delivery]\nendpoint = "http://{host}"\n' + SYNC + ALL, HERE)
    assert settings.delivery.endpoint == f"http://{host}"


def test_the_ios_app_id_gets_its_prefix() -> None:
    """AppsFlyer answers 200 to an iOS app id without it, and records nothing."""
    settings = sync_of(ALL, SYNC.replace('"id1"', '"1234567890"'))
    assert settings.syncs[0].sync.ios_app_id == "id1234567890"


@pytest.mark.parametrize(
    "app_id",
    ["com.example.app-xiaomi", "com.example.app-My Store", "com.example.app/beta", "com.example.app-应用", "a.b+c#d"],
)
def test_an_android_app_id_may_have_any_channel_suffix(app_id: str) -> None:
    """AppsFlyer, OpenAPI of the S2S events API: reserved characters are percent-encoded, not forbidden."""
    settings = sync_of(f'android_app_id = "{app_id}"\n' + ALL)
    assert settings.syncs[0].sync.android_app_id == app_id


@pytest.mark.parametrize("app_id", ["app", "com.", "com.example.app ", " com.a", "com.a,com.b", "com.a, com.b"])
def test_what_is_no_android_app_id_is_refused(app_id: str) -> None:
    with pytest.raises(SettingsError, match="android_app_id"):
        sync_of(f'android_app_id = "{app_id}"\n' + ALL)


def test_two_keys_during_a_rotation() -> None:
    settings = sync_of(ALL, SYNC.replace('"env:KEY"', '["env:KEY", "env:NEW_KEY"]'))
    assert settings.syncs[0].keys == (SecretRef("env", "KEY"), SecretRef("env", "NEW_KEY"))


def test_a_dev_key_is_its_kind() -> None:
    settings = sync_of(ALL, SYNC.replace("s2s_key", "dev_key"))
    assert settings.syncs[0].key_kind == "dev_key"


def test_rows_and_conditions() -> None:
    settings = sync_of(
        """
consent_where = [{ property = "user.consent", is = true }]
[[sync.event]]
name = "*"
[[sync.event]]
name = "purchase"
send_as = "af_purchase"
where = [
    { property = "event.plan", is_not = ["pro", 3, 1.5, false] },
    { property = "group.company.size", greater_than = "10" },
    { property = "platform", is = "(none)" },
]
"""
    )
    sync = settings.syncs[0].sync
    assert sync.consent == (Condition("user.consent", Operator.IS, (True,)),)
    assert sync.selections == (
        Selection("*"),
        Selection(
            "purchase",
            "af_purchase",
            (
                Condition("event.plan", Operator.IS_NOT, ("pro", 3, 1.5, False)),
                Condition("group.company.size", Operator.GREATER_THAN, ("10",)),
                Condition("platform", Operator.IS, ("(none)",)),
            ),
        ),
    )


@pytest.mark.parametrize("operator", list(Operator))
def test_every_operator_can_be_written(operator: Operator) -> None:
    settings = sync_of(f'[[sync.event]]\nname = "x"\nwhere = [{{ property = "country", {operator} = ["1"] }}]\n')
    assert settings.syncs[0].sync.selections[0].where == (Condition("country", operator, ("1",)),)


@pytest.mark.parametrize(
    ("written", "rules"),
    [
        ("", PropertyRules()),
        ('properties = "all"\n', PropertyRules()),
        ("properties = {}\n", PropertyRules(frozenset(), frozenset(), frozenset())),
        ('properties = { event = "all", user = ["plan"] }\n', PropertyRules(None, frozenset({"plan"}), frozenset())),
        (
            'exclude = ["user.email"]\nnested = "drop"\n',
            PropertyRules(exclude=frozenset({"user.email"}), nested="drop"),
        ),
    ],
)
def test_property_rules(written: str, rules: PropertyRules) -> None:
    """A kind that the table does not name sends nothing."""
    assert sync_of(written + ALL).syncs[0].sync.properties == rules


def test_further_fields_have_one_path_or_several() -> None:
    fields = '[sync.fields]\nua = "event_properties.ua"\nconsent_data = ["user_properties.a", "user_agent"]\n'
    assert sync_of(ALL + fields).syncs[0].sync.fields == (
        ("consent_data", ("user_properties.a", "user_agent")),
        ("ua", ("event_properties.ua",)),
    )


def test_the_tables_name_exactly_what_the_steps_read() -> None:
    assert tuple(IdentityPathsTable.model_fields) == tuple(DEFAULT_PATHS)
    assert set(FieldsTable.model_fields) == {*CANONICAL, *IN_PLACE}


def test_given_identifier_paths_replace_the_defaults_of_that_identifier_only() -> None:
    settings = parse(KAFKA + '[identity.paths]\nidfa = ["user_properties.my idfa"]\nimei = []\n' + SYNC + ALL, HERE)
    assert settings.identity.identifier_paths == {**DEFAULT_PATHS, "idfa": ("user_properties.my idfa",), "imei": ()}


def test_names_of_platforms_are_added_to_the_usual_ones() -> None:
    settings = parse(KAFKA + '[identity.platforms]\nios = ["tvOS"]\nother = ["Electron", "Kiosk"]\n' + SYNC + ALL, HERE)
    assert settings.identity.platform_names == {"ios": ("tvOS",), "other": ("Electron", "Kiosk")}
    assert parse(KAFKA + SYNC + ALL, HERE).identity.platform_names == {}


def test_librdkafka_properties_become_text() -> None:
    """Also without quotes, where TOML reads the dots as tables within tables."""
    properties = """
[source.properties]
"security.protocol" = "SSL"
ssl.ca.location = "ca.pem"
ssl.certificate.location = "/etc/c.pem"
fetch.min.bytes = 10
socket.keepalive.enable = true
sasl.password = "file:password"
sasl.username = "env:USER_NAME"
"""
    settings = parse(KAFKA + properties + SYNC + ALL, HERE)
    assert isinstance(settings.source, KafkaSource)
    assert dict(settings.source.properties) == {
        "security.protocol": "SSL",
        "ssl.ca.location": "/srv/stream/ca.pem",
        "ssl.certificate.location": "/etc/c.pem",
        "fetch.min.bytes": "10",
        "socket.keepalive.enable": "true",
        "sasl.password": "file:/srv/stream/password",
        "sasl.username": "env:USER_NAME",
    }


SECURED = KAFKA + '[source.properties]\n"security.protocol" = "SSL"\n'


def test_dead_letters_go_to_the_sources_cluster() -> None:
    settings = parse(SECURED + '[dead_letters]\nkind = "kafka"\ntopic = "dead"\n' + SYNC + ALL, HERE)
    assert settings.dead_letters == KafkaDeadLetters("k:9092", "dead", (("security.protocol", "SSL"),))


def test_another_cluster_does_not_get_the_sources_credentials() -> None:
    letters = '[dead_letters]\nkind = "kafka"\ntopic = "dead"\nbootstrap_servers = "other:9092"\n'
    settings = parse(SECURED + letters + SYNC + ALL, HERE)
    assert settings.dead_letters == KafkaDeadLetters("other:9092", "dead", ())


def test_every_sync_keeps_its_place_and_only_enabled_ones_count() -> None:
    second = SYNC.replace("production", "second") + "enabled = false\n" + ALL
    third = SYNC.replace("production", "third") + ALL
    settings = parse(KAFKA + SYNC + ALL + second + third, HERE)
    assert [each.name for each in settings.syncs] == ["production", "second", "third"]
    assert [each.name for each in settings.enabled_syncs] == ["production", "third"]


def test_settings_are_read_without_the_libraries_of_outside_systems() -> None:
    """A command that only reads the settings, such as `status`, starts without what Kafka and the engine need."""
    heavy = "bytewax", "confluent_kafka", "pycurl", "aiohttp"
    script = f"import sys, flows.settings; print(*(each for each in {heavy} if each in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


COLLECTOR = FILES + "[collector]\n"


def test_a_collector_needs_no_sync_because_its_events_wait_for_one() -> None:
    settings = parse(
        COLLECTOR + 'api_keys = ["env:A", "file:keys/b"]\ntrusted_proxies = ["10.0.0.0/8"]\n', Path("/base/stream.toml")
    )
    assert settings.syncs == ()
    collector = settings.collector
    assert collector is not None
    assert collector.api_keys == (SecretRef("env", "A"), SecretRef("file", "/base/keys/b"))
    assert (collector.host, collector.port, collector.trusted_proxies) == ("127.0.0.1", 8090, ("10.0.0.0/8",))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('host = "0.0.0.0"', "collector.api_keys: missing; expected the API keys whose events are taken"),
        ('certificate_file = "c.pem"', "collector.key_file: missing; expected a path beside certificate_file"),
        ('trusted_proxies = ["10.0.0.1/8"]', "collector.trusted_proxies[1]: found"),
        ('paths = ["collect"]', "collector.paths: found"),
        ('api_keys = ["0123456789abcdef0123456789abcdef"]', "collector.api_keys: found"),
    ],
)
def test_what_a_collector_cannot_be_is_refused(lines: str, problem: str) -> None:
    """Whatever is no place of a secret may be the secret itself, and is not shown."""
    with pytest.raises(SettingsError) as error:
        parse(COLLECTOR + lines, Path("stream.toml"))
    assert problem in str(error.value)
    assert "0123456789abcdef" not in str(error.value)


def test_the_export_api_is_that_of_the_region_unless_another_is_given() -> None:
    """Amplitude, Export API, «Regions»; its archives are beside the settings file."""
    pull = '[pull]\napi_key = "env:A"\nsecret_key = "file:secret"\n'
    base = FILES + SYNC + ALL
    found = parse(base + pull, HERE).pull
    assert found == PullSettings(
        SecretRef("env", "A"),
        SecretRef("file", "/srv/stream/secret"),
        "https://amplitude.com",
        Path("/srv/stream/exports"),
    )
    eu = parse(base + pull + 'region = "eu"\ndirectory = "/data"\n', HERE).pull
    assert eu is not None
    assert (eu.endpoint, eu.directory) == ("https://analytics.eu.amplitude.com", Path("/data"))
    other = parse(base + pull + 'region = "eu"\nendpoint = "http://127.0.0.1:8080/"\n', HERE).pull
    assert other is not None
    assert other.endpoint == "http://127.0.0.1:8080"
    assert parse(base, HERE).pull is None
