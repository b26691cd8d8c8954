"""`status` and `top`: what they show of slices, at any width, and what of slices that do not answer."""

import copy
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType

from flows.commands.monitor.apps import Apps
from flows.commands.monitor.overview import overview
from flows.commands.monitor.page import page
from flows.commands.monitor.screen import Screen
from flows.operations.latency import p95_seconds
from flows.operations.monitor import SliceAnswer, fetch

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
APP_IDS = ("id1234567890", "com.example.trailmix")
STATUS: dict[str, Any] = {
    "slice": {"index": 0, "count": 1},
    "versions": {"package": "0.1.0", "bytewax": "0.21.1", "python": "3.11.7"},
    "started": "2026-11-25T11:00:00+00:00",
    "uptime_seconds": 3600.0,
    "alive": True,
    "not_ready": {},
    "why": [],
    "stopping": False,
    "settings": {"reload": None},
    "source": {"lag": {"events": 12_345, "seconds": 2.5}},
    "read": 2007,
    "refused": {"undecodable": 4},
    "held": 56,
    "in_windows": 0,
    "unfinished": 3,
    "set_aside": 0,
    "users": 151,
    "syncs": [
        {
            "name": "production",
            "enabled": True,
            "delivered": 1684,
            "duplicate": 20,
            "filtered": {"platform": 104},
            "dead_lettered": {},
            "pending": 56,
            "apps": [
                {
                    "platform": platform,
                    "app_id": app_id,
                    "circuit": "closed",
                    "delivered": {"first": 1_234_567, "retry": 17},
                    "in_flight": 256,
                    "waiting": 12_000,
                    "set_aside": 500_000,
                    "last_answer": {"status": "503", "class": "retry", "at": "2026-11-25T11:59:48+00:00"},
                }
                for platform, app_id in zip(("ios", "android"), APP_IDS, strict=True)
            ],
        },
        {"name": "next season", "enabled": False},
    ],
}


def shown(what: RenderableType, width: int, height: int | None = None) -> str:
    file = io.StringIO()
    Console(file=file, width=width, height=height).print(what, end="\n" if height is None else "")
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 120, 200])
def test_apps_are_shown_whole_at_the_usual_widths(width: int) -> None:
    """No number, app id or heading is cut, and none is broken over lines."""
    text = shown(Apps(STATUS["syncs"], {("production", app): 1.25 for app in APP_IDS}, NOW), width)
    for word in (*APP_IDS, "1,234,584", "17", "256", "12,000", "500,000", "closed", "1.2 s", "503 retry, 12 s ago"):
        assert word in text
    assert "…" not in text
    assert "not enabled: next season" in text


def test_what_holds_a_slice_up_is_said_in_full() -> None:
    status = copy.deepcopy(STATUS)
    why = "nothing gets through to production (ios): AppsFlyer failed; one request at a time goes as a probe"
    status["why"] = [why]
    for text in (shown(page("http://127.0.0.1:9464", status), 200), shown(overview([answer(status)], {}), 200)):
        assert "held up" in text
        assert why in text


def test_a_healthy_slice_is_said_to_deliver() -> None:
    text = shown(page("http://127.0.0.1:9464", STATUS), 80)
    assert "delivering" in text
    assert "12,345 records, 2.5 s" in text


def test_how_long_the_oldest_waits_is_shown() -> None:
    """Of all slices the longest, for it is no sum."""
    waits = copy.deepcopy(STATUS)
    waits["syncs"][0]["oldest_waiting_seconds"] = 7300.0
    text = shown(page("http://a", waits), 120)
    assert "set aside 0; the oldest for 2 h" in text
    assert ["oldest", "waiting", "2", "h"] in [line.split() for line in text.splitlines()]
    both = shown(overview([answer(waits), answer(STATUS)], {}), 120)
    assert [line.split()[6:8] for line in both.splitlines() if line.startswith("all")] == [["2", "h"]]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"kind": "kafka", "sent_again_if_state_lost": 12}, "if it were lost, at most 12 records would be sent again"),
        ({"kind": "kafka", "sent_again_if_state_lost": 0}, "if it were lost, nothing would be sent again"),
        ({"kind": "files"}, "if it were lost, every file would be read and sent again"),
    ],
)
def test_what_the_loss_of_the_state_would_cost_is_said(source: dict[str, Any], said: str) -> None:
    status = STATUS | {"source": STATUS["source"] | source}
    assert f"state disk  {said}" in shown(page("http://a", status), 120)


def test_rates_come_from_two_answers() -> None:
    later = copy.deepcopy(STATUS)
    later["read"] += 500
    later["syncs"][0]["delivered"] += 400
    text = shown(overview([answer(later, 12.0)], {"http://a": answer(STATUS, 10.0)}), 120)
    assert [word for word in text.splitlines()[1].split() if word in ("250", "200")] == ["250", "200"]


def test_a_slice_that_does_not_answer_is_told_with_its_address_and_why() -> None:
    answers = [*fetch(["http://127.0.0.1:9"]), answer(STATUS)]
    text = shown(overview(answers, {}), 80)
    assert "no answer" in text
    assert "http://127.0.0.1:9: cannot be reached (Connection refused); does the stream run" in text
    assert "12,345" in text


def test_the_latency_of_an_app_is_that_of_all_slices_together() -> None:
    """Of 99 deliveries within a second and one of an hour, the p95 is below a second, wherever they were counted."""
    quick, slow = copy.deepcopy(STATUS), copy.deepcopy(STATUS)
    for status, counts in ((quick, [99, 0, 0]), (slow, [0, 1, 0])):
        status["syncs"][0]["apps"][0]["recent_age_seconds"] = {"bounds": [1.0, 3600.0], "counts": counts}
    assert p95_seconds([quick, slow]) == {("production", APP_IDS[0]): pytest.approx(95 / 99)}
    assert p95_seconds([slow])["production", APP_IDS[0]] > 3000
    assert p95_seconds([STATUS]) == {}
    (of_app,) = [line for line in shown(overview([answer(quick)], {}), 160).splitlines() if APP_IDS[0] in line]
    assert "closed   0.9 s  1,234,584" in of_app


SIZES = [(60, 12), (60, 40), (80, 24), (200, 50), (20, 3)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_screen_of_top_fits_and_says_what_it_leaves_out(width: int, height: int) -> None:
    """As many lines as the terminal has, none too wide; each number is there, or a sign that something is not."""
    status = copy.deepcopy(STATUS)
    status["why"] = [
        "nothing gets through to production (ios): AppsFlyer failed; one request at a time goes as a probe"
    ]
    lines = shown(Screen("top  1 slice", NOW, overview([answer(status)], {})), width, height).split("\n")
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)
    assert lines[0].startswith("top  1 slice")
    assert lines[0].endswith("12:00:00 UTC") or width < 24
    assert lines[-1].startswith("q quits")
    text = "\n".join(lines)
    if "more lines" not in text:
        assert "pending" in text
        assert "2,007" in text
        assert "last answer" in text
    for name in ("read/s", "lag s", "held", "users"):
        assert name in text or "too narrow for" in text or "more lines" in text
    assert "delivered/s" in text or height < 12


def test_columns_go_by_their_importance_and_are_named() -> None:
    first, second, third = shown(overview([answer(STATUS)], {}), 60).splitlines()[:3]
    assert first.split() == ["slice", "read/s", "delivered/s", "lag", "pending", "oldest", "state"]
    assert second.split()[-1] == "delivering"
    assert third == "too narrow for: lag s, held, users"


def answer(status: dict[str, Any], at: float = 1.0) -> SliceAnswer:
    return SliceAnswer("http://a", at, status)
