"""What a collector tells of itself: as metrics, and as pages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import orjson
import pytest

from connectors.collector.counts import OTHER, CollectorCounts
from connectors.collector.normal import InvalidReason
from connectors.collector.upload import RefusalReason
from connectors.event_writer import Waiting
from connectors.tee.counts import DropReason, GivenUpReason, TeeCounts
from flows.observe.collector_pages import CollectorPages
from flows.observe.metrics import collector_vocabulary as v
from flows.observe.metrics import tee_vocabulary as t
from flows.observe.metrics.collector import read_collector
from flows.observe.metrics.registry import Scraped
from tests.fixtures.scrape import Scrape

FAMILIES = {each.name.removesuffix("_total"): each for each in v.COLLECTOR}


@dataclass
class Stream:
    """Implements `Child`."""

    starts: int = 1
    is_running: bool = True
    exit_code: int | None = None
    last_words: Sequence[str] = ()
    is_missing: bool = False


@dataclass
class View:
    """Implements `CollectorView`."""

    counts: CollectorCounts = field(default_factory=CollectorCounts)
    blocked: str | None = None
    is_closing: bool = False
    child: Stream | None = field(default_factory=Stream)
    waiting: Waiting | None = None
    tee_counts: TeeCounts | None = None


def scraped(view: View) -> Scrape:
    return Scrape(CollectorPages(view).by_path["/metrics"]("").body.decode())


def ready(view: View) -> tuple[int, list[str]]:
    page = CollectorPages(view).by_path["/readyz"]("")
    return page.status, orjson.loads(page.body)["why"]


def tee() -> TeeCounts:
    counts = TeeCounts()
    counts.forwarded_events, counts.trouble = 9, "HTTP 503"
    counts.waiting_requests, counts.waiting_bytes, counts.oldest_received_ms = 2, 500, 1_700_000_000_000
    counts.given_up[GivenUpReason.WRONG_KEY] += 3
    counts.dropped[DropReason.FULL] += 4
    return counts


@pytest.fixture
def view() -> View:
    view = View(waiting=Waiting(3, 1_700_000_000_000, 4096), tee_counts=tee())
    counts = view.counts
    counts.answers["/2/httpapi", 200] += 2
    counts.answers["/webhook", 401] += 1
    counts.refused[RefusalReason.WRONG_TOKEN] += 1
    counts.unknown_api_key("abcd…wxyz")
    counts.stored("amplitude-ts/2.11.0", 20)
    counts.invalid[InvalidReason.MISSING_ID] += 1
    counts.throttled_events = 7
    counts.durable.add(0.004)
    return view


def test_every_metric_of_a_collector_is_read_with_exactly_its_labels(view: View) -> None:
    found = {each.name: each for each in Scraped(partial(read_collector, view=view)).collect()}
    assert set(found) == set(FAMILIES)
    for name, family in found.items():
        assert (family.documentation, family.type) == (FAMILIES[name].meaning, FAMILIES[name].kind)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(FAMILIES[name].labels), name


def test_what_was_counted_is_what_is_scraped(view: View) -> None:
    found = scraped(view)
    assert found.by(v.REQUESTS.name, "path", "status") == {("/2/httpapi", "200"): 2, ("/webhook", "401"): 1}
    assert found.by(v.EVENTS.name, "library") == {("amplitude-ts/2.11.0",): 20}
    assert found.by(v.INVALID_EVENTS.name, "reason") == {("missing_id",): 1}
    assert found.by(v.REFUSED_REQUESTS.name, "reason") == {("wrong_token",): 1}
    assert found.by(v.UNKNOWN_API_KEYS.name, "api_key") == {("abcd…wxyz",): 1}
    assert found.one(v.THROTTLED_EVENTS.name) == 7
    assert (
        found.one(f"{v.DURABLE_SECONDS.name}_count") == found.one(f"{v.DURABLE_SECONDS.name}_bucket", le="0.005") == 1
    )
    assert (found.one(v.WAITING_EVENTS.name), found.one(v.INBOX_BYTES.name)) == (3, 4096)
    assert found.one(v.OLDEST_WAITING.name) > 0


def test_a_closed_set_is_there_before_anything_came() -> None:
    """So that the first growth of each series is seen."""
    found = scraped(View())
    assert len(found.samples[v.INVALID_EVENTS.name]) > 5
    assert len(found.samples[v.REFUSED_REQUESTS.name]) > 5
    assert found.one(v.REQUESTS.name, path="/2/httpapi", status="200") == 0


def test_clients_cannot_make_more_than_so_many_series() -> None:
    view = View()
    for number in range(500):
        view.counts.unknown_api_key(f"k{number:03}…0000")
        view.counts.stored(f"library/{number}", 1)
    found = scraped(view)
    assert found.total(v.UNKNOWN_API_KEYS.name) == found.total(v.EVENTS.name) == 500
    assert len(found.samples[v.UNKNOWN_API_KEYS.name]) < len(found.samples[v.EVENTS.name]) < 60
    assert found.one(v.EVENTS.name, library=OTHER) > 400


def test_whether_the_stream_runs_is_told_where_it_is_to_run() -> None:
    names = {v.STREAM_RUNNING.name, v.STREAM_STARTS.name}
    assert not names & set(scraped(View(child=None)).samples)
    assert not names & set(scraped(View(child=Stream(starts=0, is_running=False))).samples)
    resting = scraped(View(child=Stream(starts=4, is_running=False))).samples
    assert (v.STREAM_RUNNING.name in resting, v.STREAM_STARTS.name in resting) == (False, True)
    found = scraped(View(child=Stream(starts=4, is_running=False, is_missing=True)))
    assert (found.one(v.STREAM_RUNNING.name), found.one(v.STREAM_STARTS.name)) == (0, 4)


def test_where_another_system_keeps_events_nothing_is_told_of_an_inbox() -> None:
    assert not {v.WAITING_EVENTS.name, v.OLDEST_WAITING.name, v.INBOX_BYTES.name} & set(scraped(View()).samples)


def test_an_inbox_without_waiting_events_has_no_oldest() -> None:
    assert scraped(View(waiting=Waiting(0, None, 4096))).one(v.OLDEST_WAITING.name) == 0


def test_what_cannot_be_stored_is_not_ready_and_is_scraped() -> None:
    view = View(blocked="the disk is full")
    assert ready(view) == (503, ["nothing can be stored: the disk is full"])
    assert scraped(view).one(v.BLOCKED.name) == 1
    view.blocked = None
    assert ready(view) == (200, [])
    assert scraped(view).one(v.BLOCKED.name) == 0


def test_the_status_has_unknown_keys_masked_and_the_inbox(view: View) -> None:
    status = orjson.loads(CollectorPages(view).by_path["/status"]("").body)
    assert status["unknown_api_keys"] == {"abcd…wxyz": 1}
    assert (status["refused_requests"], status["invalid_events"]) == ({"wrong_token": 1}, {"missing_id": 1})
    assert (status["waiting"]["events"], status["waiting"]["size_bytes"]) == (3, 4096)


def test_the_status_says_what_became_of_copies_for_amplitude() -> None:
    found = orjson.loads(CollectorPages(View(tee_counts=tee())).by_path["/status"]("").body)["tee"]
    assert (found["forwarded_events"], found["waiting_requests"], found["trouble"]) == (9, 2, "HTTP 503")
    assert (found["given_up_events"], found["dropped_events"]) == ({"wrong_key": 3}, {"full": 4})
    assert "tee" not in orjson.loads(CollectorPages(View()).by_path["/status"]("").body)


def test_what_became_of_copies_is_scraped_where_there_is_a_tee(view: View) -> None:
    found = scraped(view)
    assert (found.one(t.FORWARDED.name), found.one(t.WAITING.name), found.one(t.BYTES.name)) == (9, 2, 500)
    assert found.one(t.GIVEN_UP.name, reason="wrong_key") == 3
    assert found.one(t.DROPPED.name, reason="full") == 4
    assert found.one(t.OLDEST.name) > 0
    assert len(found.samples[t.DROPPED.name]) == len(DropReason)  # before anything was dropped
    assert scraped(View(tee_counts=TeeCounts())).one(t.OLDEST.name) == 0
    assert not {each.name for each in t.TEE} & set(scraped(View()).samples)
