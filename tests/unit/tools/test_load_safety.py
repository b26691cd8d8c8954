"""A load test never leaves this machine, and is bounded before it starts."""

import tomllib
from pathlib import Path

import pytest

from flows.settings.file import parse
from tests.tools.load.loopback import is_loopback, remote_hosts
from tests.tools.load.plan import MOST_EVENTS, Plan
from tests.tools.load.plan import parse as parse_plan
from tests.tools.load.settings import DEFAULT, Place, names, platforms, turned
from tests.tools.load.traffic import MARK

PLACE = Place(Path("/x"), "127.0.0.1:9092", "load", "https://127.0.0.1:8443", Path("/x/ca.pem"), 9000, 250)
THEIRS = """\
[source]
kind = "kafka"
bootstrap_servers = "kafka.example.com:9092"
topic = "events"
group_id = "production"
[source.properties]
"sasl.password" = "env:PASSWORD"
[delivery]
endpoint = "https://api3.appsflyer.com"
proxy = "http://proxy.example.com:3128"
max_in_flight = 32
[dead_letters]
kind = "kafka"
topic = "letters"
[state]
directory = "/var/lib/stream"
epoch_seconds = 3
[[sync]]
name = "production"
enabled = false
android_app_id = "com.example.app"
s2s_key = ["env:REAL_KEY", "file:/run/secrets/key"]
properties = { event = ["plan"], user = "all" }
[[sync.event]]
name = "*"
[[sync.event]]
name = "Order Completed"
"""


def test_their_settings_are_turned_towards_this_machine() -> None:
    """Nothing of where events come from, go to or are kept is left; what happens to them in between is theirs."""
    fresh = turned(THEIRS, PLACE)
    for word in ("example.com:9092", "api3", "proxy", "PASSWORD", "REAL_KEY", "secrets", "letters'", "/var/lib"):
        assert word not in fresh
    found = parse(fresh, Path("stream.toml"))
    assert found.delivery.endpoint == PLACE.endpoint
    assert (found.delivery.max_in_flight, found.delivery.max_requests_per_second) == (32, 250)
    assert (found.state.directory, found.state.epoch_seconds) == (Path("/x/state"), 3)
    assert names(found) == ["Order Completed"]
    assert platforms(found) == ["android"]


def test_syncs_are_switched_on_where_none_is() -> None:
    """Before going live they are off; but one that is off beside others stays off."""
    assert [each["enabled"] for each in tomllib.loads(turned(THEIRS, PLACE))["sync"]] == [True]
    both = f"{THEIRS}\n[[sync]]\nname = 'b'\nios_app_id = 'id1'\ns2s_key = 'env:K'\nevents = 'all'\n"
    assert [each["enabled"] for each in tomllib.loads(turned(both, PLACE))["sync"]] == [False, True]


def test_the_mark_goes_through_whatever_properties_are_sent() -> None:
    """Else no answer could be told apart."""
    (sync,) = tomllib.loads(turned(THEIRS, PLACE))["sync"]
    assert sync["properties"] == {"event": ["plan", MARK], "user": "all"}


def test_the_samples_settings_are_right() -> None:
    """They are what a load test runs with unless it is given others."""
    assert platforms(parse(turned(DEFAULT, PLACE), Path("stream.toml"))) == ["ios", "android"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "kafka", "localhost.example.com", "", "169.254.169.254"])  # noqa: S104
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_one_remote_address_among_others_is_found() -> None:
    """With ports and brackets."""
    assert remote_hosts("127.0.0.1:9092, kafka-2.example.com:9092,[::1]:9092,[fd00::1]:9092") == [
        "kafka-2.example.com",
        "[fd00::1]",
    ]


def plan(*arguments: str) -> Plan:
    return parse_plan(arguments)


def test_a_plan_is_a_minute_at_a_thousand_a_second() -> None:
    assert (plan().events, plan().rate, plan().pace.ends_s) == (60_000, 1000, 60)


def test_minutes_events_and_rate_bound_each_other() -> None:
    """Whichever is reached first ends it; and nothing has no end."""
    assert plan("--minutes", "10", "--rate", "50").events == 30_000
    assert plan("--minutes", "10", "--rate", "50", "--events", "99").events == 99
    assert plan("--rate", "0").events == 200_000
    assert plan("--rate", "200000", "--minutes", "240").events == MOST_EVENTS


@pytest.mark.parametrize(
    "wrong",
    ["--events 0", "--events 20000001", "--minutes 241", "--rate -1", "--rate nan", "--users 0", "--skew 4",
     "--selected 1.1", "--burst 0.5", "--slices 0", "--archive nowhere.zip", "--answer-ms 5 --endpoint nginx"],
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        plan(*wrong.split())
    assert refusal.value.code == 2
    assert wrong.split(maxsplit=1)[0] in capsys.readouterr().err
