"""What is said about a bad stream.toml: one line a mistake, all of them at once, no secrets."""

from pathlib import Path

import pytest

from flows.settings import SettingsError, load
from flows.settings.file import parse

FILE = Path("stream.toml")
KAFKA = '[source]\nkind = "kafka"\nbootstrap_servers = "k:9092"\ntopic = "amplitude"\n'
NAMED = '[[sync]]\nname = "production"\n'
APP = 'ios_app_id = "id1"\n'
KEY = 's2s_key = "env:KEY"\n'
ALL = 'events = "all"\n'
SYNC = NAMED + APP + KEY + ALL
ROWS = NAMED + APP + KEY + '[[sync.event]]\nname = "a"\n[[sync.event]]\nname = "b"\n'


def lines_of(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(text, FILE)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems)
    return lines


PULL = '[pull]\napi_key = "env:A"\nsecret_key = "env:B"\n'

CASES = {
    # unknown keys
    "a misspelt key": (
        KAFKA + "[delivery]\nmax_in_fligth = 1\n" + SYNC,
        'delivery.max_in_fligth: unknown key; did you mean "max_in_flight"?',
    ),
    "a misspelt table": (KAFKA + "[windows]\nmax_events = 1\n" + SYNC, 'windows: unknown key; did you mean "window"?'),
    "a misspelt required table": (
        KAFKA.replace("source", "sorce") + SYNC,
        'sorce: unknown key; did you mean "source"?',
    ),
    "a misspelt operator": (
        KAFKA + ROWS + 'where = [{ property = "platform", isnot = "ios" }]\n',
        'sync[production].event[2].where[1].isnot: unknown key; did you mean "is_not"?',
    ),
    "a key like no other": (
        KAFKA + "[window]\nzzz = 1\n" + SYNC,
        "window.zzz: unknown key; expected one of max_events, max_wait_ms; correct or remove it",
    ),
    "a misspelt kind": (
        KAFKA.replace('"kafka"', '"kafak"') + SYNC,
        'source.kind: found "kafak"; expected "kafka" or "files" or "inbox"; did you mean "kafka"?',
    ),
    "a key with odd letters": (
        KAFKA + '[window]\n"a\\nb" = 1\n' + SYNC,
        'window."a\\nb": unknown key; expected one of max_events, max_wait_ms; correct or remove it',
    ),
    "a key of the Export API itself": (
        KAFKA + PULL.replace("env:A", "0123456789abcdef") + SYNC,
        (
            "pull.api_key: found a value that is not shown; expected the place of the key, never the key itself; "
            "write env:NAME or file:PATH in quotes"
        ),
    ),
    "two secret keys of the Export API": (
        KAFKA + PULL.replace('"env:B"', '["env:B", "env:C"]') + SYNC,
        (
            "pull.secret_key: found a value that is not shown; expected the place of the key, never the key itself; "
            "write env:NAME or file:PATH in quotes"
        ),
    ),
    "no secret key of the Export API": (
        KAFKA + PULL.replace('secret_key = "env:B"\n', "") + SYNC,
        (
            "pull.secret_key: missing; expected the place of the key, never the key itself; "
            "write env:NAME or file:PATH in quotes"
        ),
    ),
    "an Export API that would get the keys in the clear": (
        KAFKA + PULL + 'endpoint = "http://amplitude.com"\n' + SYNC,
        (
            'pull.endpoint: found "http://amplitude.com"; expected an https:// address '
            "(http:// only for a loopback host, such as the sandbox on 127.0.0.1); "
            'write for example endpoint = "http://127.0.0.1:8080", or leave it out'
        ),
    ),
    "a region that is none": (
        KAFKA + PULL + 'region = "EU"\n' + SYNC,
        'pull.region: found "EU"; expected "us" or "eu"; did you mean "eu"?',
    ),
    # types: nothing is converted silently
    "text for a number": (
        KAFKA + '[window]\nmax_events = "5"\n' + SYNC,
        (
            'window.max_events: found "5"; expected a whole number from 1 to 10,000; '
            "write a whole number in that range, without quotes"
        ),
    ),
    "true for a number": (
        KAFKA + "[window]\nmax_events = true\n" + SYNC,
        (
            "window.max_events: found true; expected a whole number from 1 to 10,000; "
            "write a whole number in that range, without quotes"
        ),
    ),
    "out of range": (
        KAFKA + "[state]\nepoch_seconds = 0\n" + SYNC,
        (
            "state.epoch_seconds: found 0; expected a whole number from 1 to 3,600; "
            "write a whole number in that range, without quotes"
        ),
    ),
    "no number": (
        KAFKA + "[identity]\nremember_days = nan\n" + SYNC,
        (
            "identity.remember_days: found nan; expected a number above 0, up to 3,650; "
            "write a number in that range, without quotes"
        ),
    ),
    "a very large number": (
        KAFKA + f"[window]\nmax_events = 0x{'f' * 5000}\n" + SYNC,
        (
            "window.max_events: found a very large number; expected a whole number from 1 to 10,000; "
            "write a whole number in that range, without quotes"
        ),
    ),
    "text for a switch": (
        KAFKA + SYNC + 'enabled = "yes"\n',
        'sync[production].enabled: found "yes"; expected true or false; write true or false, without quotes',
    ),
    "a number for the iOS app": (
        KAFKA + SYNC.replace('"id1"', "1"),
        (
            'sync[production].ios_app_id: found 1; expected an iOS app id in quotes, such as "id1234567890"; '
            'write ios_app_id = "id" and the digits of the App Store address, in quotes'
        ),
    ),
    "no package name": (
        KAFKA + SYNC + 'android_app_id = "myapp"\n',
        (
            'sync[production].android_app_id: found "myapp"; expected an Android package name in quotes, such as '
            '"com.example.app"; write android_app_id as AppsFlyer\'s dashboard shows it'
        ),
    ),
    "a currency in lower case": (
        KAFKA + SYNC + 'default_currency = "eur"\n',
        (
            'sync[production].default_currency: found "eur"; expected three upper-case letters in quotes (ISO 4217); '
            'write for example default_currency = "EUR"'
        ),
    ),
    "a key of another place": (
        KAFKA + '[window]\nmax_events = 5\ntopic = "t"\n' + SYNC,
        "window.topic: unknown key; expected one of max_events, max_wait_ms; correct or remove it",
    ),
    "one bracket": (
        KAFKA + SYNC.replace("[[sync]]", "[sync]"),
        "sync: found a table; expected a list of tables; write [[sync]] with two brackets, or sync = [{ … }]",
    ),
    "no table": (
        "state = 3\n" + KAFKA + SYNC,
        "state: found 3; expected a table; write its keys under its name in brackets",
    ),
    "a property that is a list": (
        KAFKA + '[source.properties]\n"fetch.min.bytes" = [1]\n' + SYNC,
        (
            'source.properties."fetch.min.bytes": found a value that is not shown; expected a text, a whole '
            "number, true "
            "or false; write it as librdkafka's CONFIGURATION.md describes it"
        ),
    ),
    # missing
    "no source": (
        SYNC,
        (
            "source: missing; expected a table that says where events come from; "
            'write [source] with kind = "kafka" or "files" or "inbox"'
        ),
    ),
    "no kind": (
        KAFKA.replace('kind = "kafka"\n', "") + SYNC,
        'source.kind: missing; expected "kafka" or "files" or "inbox"; write "kafka" or "files" or "inbox"',
    ),
    "no topic": (
        KAFKA.replace('topic = "amplitude"\n', "") + SYNC,
        (
            "source.topic: missing; expected a Kafka topic's name: up to 249 of A-Z a-z 0-9 . _ -; "
            'write for example topic = "amplitude-events"'
        ),
    ),
    "no sync": (
        KAFKA,
        "sync: missing; expected at least one sync; write [[sync]] with a name, an app id, a key and its events",
    ),
    "an empty list of syncs": (
        "sync = []\n" + KAFKA,
        (
            "sync: found an empty list; expected at least one sync; "
            "write [[sync]] with a name, an app id, a key and its events"
        ),
    ),
    "no name": (
        KAFKA + SYNC.replace('name = "production"\n', ""),
        "sync[1].name: missing; expected a name in quotes; write a name in quotes, without blanks at its ends",
    ),
    # rules between keys
    "the same name twice": (
        KAFKA + SYNC + SYNC,
        'sync[2].name: found "production" a second time; expected a name of its own; rename one sync',
    ),
    "no app": (
        KAFKA + NAMED + KEY + ALL,
        "sync[production]: no app id; expected ios_app_id, android_app_id or both; add the app that events go to",
    ),
    "no key": (
        KAFKA + NAMED + APP + ALL,
        'sync[production]: no key; expected s2s_key or dev_key; write for example s2s_key = "env:APPSFLYER_S2S_KEY"',
    ),
    "both keys": (
        KAFKA + SYNC + 'dev_key = "env:B"\n',
        "sync[production]: found s2s_key and dev_key; expected exactly one of them; remove dev_key (the older API)",
    ),
    "no events": (
        KAFKA + NAMED + APP + KEY,
        (
            'sync[production]: no events; expected a choice of events; write events = "all", or a [[sync.event]] table '
            "for each event"
        ),
    ),
    "events twice": (
        KAFKA + SYNC + '[[sync.event]]\nname = "a"\n',
        "sync[production]: found events and [[sync.event]]; expected one of them; remove one",
    ),
    "a list of event names": (
        KAFKA + SYNC.replace('"all"', '["a"]'),
        (
            'sync[production].events: found ["a"]; expected "all"; '
            'write events = "all", or a [[sync.event]] table for each event'
        ),
    ),
    "two operators": (
        KAFKA + ROWS + 'where = [{ property = "platform", is = "a", contains = "b" }]\n',
        (
            "sync[production].event[2].where[1]: found is, contains; expected exactly one operator; "
            "write a condition of its own for each"
        ),
    ),
    "no operator": (
        KAFKA + SYNC + 'consent_where = [{ property = "user.consent" }]\n',
        (
            "sync[production].consent_where[1]: no operator; expected exactly one of is, is_not, contains, "
            "does_not_contain, starts_with, does_not_start_with, less_than, less_or_equal, greater_than, "
            "greater_or_equal, "
            "set_is, set_is_not, set_contains, set_does_not_contain, glob_match, glob_does_not_match; "
            'add for example is = ["pro"]'
        ),
    ),
    "no values": (
        KAFKA + ROWS + 'where = [{ property = "platform", is = [] }]\n',
        (
            "sync[production].event[2].where[1].is: found an empty list; expected a text, a number, true or "
            "false, or a "
            'list of them that is not empty; write for example ["pro"]'
        ),
    ),
    "text where numbers are compared": (
        KAFKA + ROWS + 'where = [{ property = "event.x", less_than = "many" }]\n',
        (
            'sync[production].event[2].where[1].less_than: found "many"; expected a number, or a list of '
            "numbers that is "
            "not empty; write for example 10"
        ),
    ),
    "an unknown kind of property": (
        KAFKA + ROWS + 'where = [{ property = "evnt.plan", is = "a" }]\n',
        (
            'sync[production].event[2].where[1].property: found "evnt.plan"; expected event.NAME, user.NAME, '
            "group.TYPE.NAME, or a field of the event itself such as platform; write for example "
            'property = "event.plan"'
        ),
    ),
    "an unknown path": (
        KAFKA + '[identity.paths]\nidfa = ["user.idfa"]\n' + SYNC,
        (
            'identity.paths.idfa: found ["user.idfa"]; expected a list of paths: user_properties.NAME, '
            "event_properties.NAME, group_properties.NAME, groups.NAME, or a field of the event; "
            'write for example ["user_properties.NAME"]'
        ),
    ),
    "a name of two platforms": (
        KAFKA + '[identity.platforms]\nios = ["Kiosk"]\nother = ["tvOS", "kiosk "]\n' + SYNC,
        (
            'identity.platforms.other: found "kiosk ", which is under ios, too; expected each name under one platform; '
            "remove it from one"
        ),
    ),
    "waiting longer than remembering": (
        KAFKA + "[identity]\nremember_days = 0.001\n" + SYNC,
        (
            "identity.hold_seconds: found 300.0; expected less than remember_days, which is 86 seconds; "
            "wait shorter or remember longer"
        ),
    ),
    "dead letters without a cluster": (
        '[source]\nkind = "files"\npaths = ["a"]\n[dead_letters]\nkind = "kafka"\ntopic = "dead"\n' + SYNC,
        (
            "dead_letters.bootstrap_servers: missing; expected Kafka's host:port addresses, for the source is "
            "no Kafka to "
            'take them from; write for example bootstrap_servers = "kafka-1:9092"'
        ),
    ),
    "dead letters into the source": (
        KAFKA + '[dead_letters]\nkind = "kafka"\ntopic = "amplitude"\n' + SYNC,
        'dead_letters.topic: found "amplitude"; expected another topic than the source\'s; name one for dead letters',
    ),
    "a property that the stream owns": (
        KAFKA + "[source.properties]\ngroup.id = 'x'\n" + SYNC,
        (
            'source.properties."group.id": found a property that the stream sets itself; expected others; '
            "set group_id in [source] instead"
        ),
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_a_mistake_is_one_line(text: str, expected: str) -> None:
    assert lines_of(text) == [f"stream.toml: {expected}"]


def test_a_line_separator_in_a_value_stays_on_the_line() -> None:
    (line,) = lines_of(KAFKA + '[delivery]\nendpoint = "a\\u0085\\u2028b"\n' + SYNC)
    assert 'found "a\\u0085\\u2028b"' in line


def test_the_kind_of_a_table_is_seen_even_if_all_its_keys_are_misspelt() -> None:
    letters = '[dead_letters]\nkin = "kafka"\ntopc = "dead"\nbootstrap_server = "k:9092"\n'
    assert lines_of(KAFKA + letters + SYNC) == [
        'stream.toml: dead_letters.kin: unknown key; did you mean "kind"?',
        'stream.toml: dead_letters.topc: unknown key; did you mean "topic"?',
        'stream.toml: dead_letters.bootstrap_server: unknown key; did you mean "bootstrap_servers"?',
    ]


def test_all_mistakes_are_said_at_once() -> None:
    text = (
        KAFKA
        + '[window]\nmax_events = "5"\nmax_wait = 1\n[identity]\nremember_days = -1\n'
        + NAMED
        + ALL
        + NAMED
        + APP
        + KEY
        + '[[sync.event]]\nwhere = [{ is = "a" }]\n'
    )
    keys = [line.split(": ")[1] for line in lines_of(text)]
    assert sorted(keys) == sorted(
        [
            "window.max_events",
            "window.max_wait",
            "identity.remember_days",
            "sync[1]",
            "sync[1]",
            "sync[2].name",
            "sync[2].event[1].name",
            "sync[2].event[1].where[1].property",
        ]
    )


SECRET = "S3CR3T"  # noqa: S105 (not one)


@pytest.mark.parametrize(
    "text",
    [
        KAFKA + NAMED + APP + ALL + f's2s_key = "{SECRET}"\n',
        KAFKA + NAMED + APP + ALL + f's2s_key = ["env:A", "{SECRET}"]\n',
        KAFKA + NAMED + APP + ALL + f's2s_key = "env:{SECRET} x"\n',
        KAFKA + NAMED + APP + ALL + f'dev_key = "{SECRET}"\n',
        KAFKA + NAMED + APP + ALL + f's2s_kay = "{SECRET}"\n',
        KAFKA + f'[source.properties]\n"sasl.password" = "{SECRET}"\n' + SYNC,
        KAFKA + f'[source.properties]\nssl.key.password = "{SECRET}"\n' + SYNC,
        KAFKA + f'[source.properties]\nsasl.password = ["{SECRET}"]\n' + SYNC,
        KAFKA + f'[delivery]\nproxy = "http://me:{SECRET}@proxy:1"\n' + SYNC,
        KAFKA + f'[delivery]\nendpoint = "https://me:{SECRET}@host"\n' + SYNC,
        KAFKA + NAMED + APP + ALL + f"s2s_key = {SECRET}\n",
    ],
)
def test_no_secret_is_ever_shown(text: str) -> None:
    assert SECRET not in "\n".join(lines_of(text))


@pytest.mark.parametrize("key", ["s2s_key", "dev_key"])
@pytest.mark.parametrize(
    "value", [f'"{SECRET}"', '"env:"', '"env:1A"', '"file:"', "[]", '["env:A", "env:B", "env:C"]', "5"]
)
def test_a_key_must_be_a_place(key: str, value: str) -> None:
    (line,) = lines_of(KAFKA + NAMED + APP + ALL + f"{key} = {value}\n")
    assert line.startswith(f"stream.toml: sync[production].{key}: ")
    assert line.endswith("write env:NAME or file:PATH in quotes")


def test_a_password_for_kafka_must_be_a_place() -> None:
    (line,) = lines_of(KAFKA + f'[source.properties]\n"sasl.password" = "{SECRET}"\n' + SYNC)
    assert line.endswith("write env:NAME or file:PATH in quotes")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://api3.appsflyer.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "api3.appsflyer.com",
        "https://",
        "https://a b",
        "https://host:99999",
        "https://[::1",
        "https://host/?a=1",
        "https://host/\\n",
        "",
    ],
)
def test_endpoints_that_are_refused(endpoint: str) -> None:
    (line,) = lines_of(KAFKA + f'[delivery]\nendpoint = "{endpoint}"\n' + SYNC)
    assert "http:// only for a loopback host" in line


@pytest.mark.parametrize("topic", ["", ".", "..", "a b", "a/b", "x" * 250])
def test_topics_that_kafka_would_refuse(topic: str) -> None:
    (line,) = lines_of(KAFKA.replace('"amplitude"', f'"{topic}"') + SYNC)
    assert line.startswith("stream.toml: source.topic: ")


@pytest.mark.parametrize("servers", ["", "kafka:", "http://kafka:9092", "a:1;b:2", "a:1,,b:2"])
def test_servers_that_are_none(servers: str) -> None:
    (line,) = lines_of(KAFKA.replace("k:9092", servers) + SYNC)
    assert line.startswith("stream.toml: source.bootstrap_servers: ")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "absent.toml"
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}: no such file; write it with `python -m flows init`, or name it with --settings"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"a = ",
        b"[source\n",
        b"name = production\n",
        b"\xff\xfe",
        b"a = 1\na = 2\n",
        b"a = " + b"9" * 5000,
        b"a = " + b"[" * 5000,
        b"a = " + b"{a=" * 5000,
    ],
)
def test_what_is_no_toml_is_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "stream.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: not ")
    assert "\n" not in str(caught.value)


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path)
