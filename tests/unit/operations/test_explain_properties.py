"""User properties from line to line: what `explain` says was taught, and what filters and mappings saw."""

from typing import Any, Final

import pytest

from tests.fixtures.explained import NOW_MS, explained, export, fate, ios, value_of

PRO: Final = '[[sync.event]]\nname = "Buy"\nwhere = [{ property = "user.plan", is = "pro" }]\n'
CONSENT: Final = 'events = "all"\nconsent_where = [{ property = "user.consent", is = true }]\n'
FIELDS: Final = 'events = "all"\nfields = { order_id = "user_properties.order" }\n'
LISTED: Final = 'events = "all"\nproperties = { event = "all", user = ["plan"] }\n'
EVENTS: Final = 'events = "all"\n'
NOBODY: Final[dict[str, Any]] = {"user_id": None, "device_id": "d1"}


def identify(*, by: dict[str, Any] | None = None, **user_properties: Any) -> dict[str, Any]:
    return ios(event_type="$identify", user_properties=user_properties, **(by or {}))


def fates(lines: list[dict[str, Any]]) -> list[str]:
    return [fate(line) for line in lines]


def last_value(*lines: Any, sync: str, settings: str = "") -> dict[str, Any]:
    return value_of(explained(*lines, sync=sync, settings=settings)[-1]["request"]["body"])


def test_a_raw_event_passes_a_filter_by_what_was_taught_before() -> None:
    """And says so: what the identify taught, and what stood behind the event."""
    lines = explained(ios(), identify(**{"$set": {"plan": "pro"}}), ios(), ios(user_properties={"plan": "x"}), sync=PRO)
    assert fates(lines) == ["1 filtered not_selected", "2 filtered reserved", "3 sent", "4 filtered not_selected"]
    assert [line.get("taught_properties") for line in lines] == [None, {"plan": "pro"}, None, {"plan": "x"}]
    assert [line.get("kept_properties") for line in lines] == [None, None, {"plan": "pro"}, None]


def test_what_is_taken_away_is_said_as_null() -> None:
    """It is known that the user has it no more."""
    lines = explained(identify(plan="pro"), identify(**{"$unset": {"plan": "-"}}), ios(), sync=PRO)
    assert fates(lines)[2] == "3 filtered not_selected"
    assert lines[1]["taught_properties"] == {"plan": None}


def test_consent_goes_by_what_was_taught() -> None:
    lines = explained(ios(), identify(consent=True), ios(), identify(consent=False), ios(), sync=CONSENT)
    assert fates(lines)[::2] == ["1 filtered consent", "3 sent", "5 filtered consent"]


@pytest.mark.parametrize("sync", [PRO, LISTED])
def test_what_is_kept_is_sent_as_amplitudes_row_would_have_it(sync: str) -> None:
    """An exported row carries it itself."""
    assert last_value(identify(plan="pro"), ios(), sync=sync) == {"plan": "pro"}
    row = export(user_properties={"plan": "pro"}, appsflyer_id=ios()["appsflyer_id"])
    assert last_value(row, sync=sync) == {"plan": "pro"}


def test_a_field_is_read_from_what_was_taught() -> None:
    lines = explained(identify(order="o-1"), ios(), sync=FIELDS)
    assert value_of(lines[-1]["request"]["body"])["af_order_id"] == "o-1"


def test_further_properties_are_kept_where_the_settings_ask_for_them() -> None:
    """Without it, what no rule names is not kept."""
    lines = [identify(plan="pro", city="Bonn"), ios()]
    assert last_value(*lines, sync=EVENTS) == {}
    assert last_value(*lines, sync=EVENTS, settings='[identity]\nkeep_properties = ["city"]\n') == {"city": "Bonn"}


def test_what_is_excluded_is_not_sent_but_counts() -> None:
    """As where the event carries it itself."""
    assert last_value(identify(plan="pro"), ios(), sync='exclude = ["plan"]\n' + PRO) == {}


def test_a_held_event_goes_out_with_what_stood_behind_it() -> None:
    """A later identify affects later events only."""
    bare = {"appsflyer_id": None, "idfa": None, "platform": "iOS"}
    lines = explained(
        identify(by=bare, plan="pro"), ios(**bare), identify(by=bare, plan="free"), ios(event_type="Open"), sync=PRO
    )
    assert fates(lines)[1] == "2 held no_appsflyer_id"
    (released,) = [line for line in lines if "released_by" in line]
    assert value_of(released["request"]["body"]) == {"plan": "pro"}


ANONYMOUS = identify(by=NOBODY, plan="pro")
LOGINS: dict[str, tuple[list[Any], list[str]]] = {
    "the first user": ([ANONYMOUS, ios()], ["2 sent"]),
    "of another device": ([ANONYMOUS, ios(device_id="d2")], ["2 filtered not_selected"]),
    "a second user": (
        [ANONYMOUS, ios(), ios(user_id="bob"), ios()],
        ["2 sent", "3 filtered not_selected", "4 sent"],
    ),
    "taught after the login, logged out": ([ios(), ANONYMOUS, ios()], ["2 filtered reserved", "3 sent"]),
    "the user's own is newer": (
        [ANONYMOUS, ios(user_properties={"plan": "free"}), ios()],
        ["2 filtered not_selected", "3 filtered not_selected"],
    ),
    "nobody's own events": ([ANONYMOUS, ios(**NOBODY)], ["2 sent"]),
}


@pytest.mark.parametrize("name", LOGINS)
def test_what_a_login_inherits(name: str) -> None:
    """The first user of a device gets what was taught on it before, as with identifiers."""
    lines, expected = LOGINS[name]
    assert fates(explained(*lines, sync=PRO))[1:] == expected


def test_what_is_added_while_logged_out_counts_once_for_the_devices_user() -> None:
    """It is the operation that is handed on, not its result."""
    adds = {"$add": {"n": 1}}
    by = {**NOBODY, "time": NOW_MS - 1}
    lines = [ios(), identify(**adds), identify(by=by, **adds), ios()]
    assert last_value(*lines, sync=EVENTS, settings='[identity]\nkeep_properties = ["n"]\n') == {"n": 2}
