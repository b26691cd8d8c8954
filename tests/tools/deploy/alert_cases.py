"""When each alert fires and when it must not: a healthy stream of two slices, and what is different in each case.

A case names all the alerts that fire at a moment, and no other may: what is one thing's alert is nobody else's.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from flows.domain.fate import DeadLetterReason

A, B = "10.0.0.1:9464", "10.0.0.2:9464"
SLICES: Final = {A: "0", B: "1"}
COLLECTOR: Final = "10.0.0.3:9463"
HOUR: Final = 60


class Case(NamedTuple):
    """One course of events, sampled and judged every `every_minutes`."""

    name: str
    fires: tuple[str, ...]
    """The alerts that fire at `at`, all of them."""
    series: Mapping[str, str | None] = {}
    """What is different from a healthy stream: series → its samples; None takes it away."""
    at: int = 100
    """Minutes since the first sample."""
    silent_at: tuple[int, ...] = ()
    """Minutes at which nothing fires yet, or any more."""
    every_minutes: int = 1


def name_of(metric: str, instance: str = A, **labels: str) -> str:
    """Return a series' name; its labels in an order that does not depend on who asks."""
    every = {"job": "stream", "namespace": "growth", "instance": instance} | labels
    inside = ",".join(f'{key.removesuffix("_")}="{value}"' for key, value in sorted(every.items()))
    prefix = "" if metric.startswith("process_") else "appsflyer_stream_"
    return f"{prefix}{metric}{{{inside}}}"


def level(*pieces: tuple[float, int]) -> str:
    """Return samples that stay at each value for so many steps."""
    return " ".join(f"{value:.15g}+0x{steps - 1}" for value, steps in pieces)


def count(*pieces: tuple[float, int]) -> str:
    """Return samples of a counter that grows by each amount per step, for so many steps."""
    text, at = [], 0.0
    for per_step, steps in pieces:
        text.append(f"{at + per_step:.15g}+{per_step:.15g}x{steps - 1}")
        at += per_step * steps
    return " ".join(text)


def gone(before: str, steps: int) -> str:
    """Return samples after which the series is not scraped any more."""
    return f"{before} stale _x{steps}"


def healthy(steps: int, every_minutes: int = 1, pace: float = 1.0, instances: Iterable[str] = SLICES) -> dict[str, str]:
    """Return every series of a stream that has nothing to complain of, at `pace` of its events by day."""
    found: dict[str, str] = {}
    minute = every_minutes * pace
    for instance in instances:
        labels = {"slice": SLICES[instance], "slices": "2", "version": "0.1.0", "bytewax": "0.21.1", "python": "3.11.9"}
        levels: dict[str, float] = {
            name_of("build_info", instance, **labels): 1,
            name_of("slices", instance): 2,
            name_of("process_start_time_seconds", instance): 1_700_000_000,
            name_of("topic_partitions", instance): 4,
            name_of("source_connected", instance): 1,
            name_of("settings_taken", instance): 1,
            name_of("process_resident_memory_bytes", instance): 4e8,
            name_of("memory_limit_bytes", instance): 2e9,
            name_of("snapshot_age_seconds", instance): 5,
            name_of("snapshot_interval_seconds", instance): 10,
            name_of("brake_on", instance): 0,
            name_of("dead_letters_blocked", instance): 0,
            name_of("journal_blocked", instance): 0,
            name_of("state_disk_free_bytes", instance): 8e9,
            name_of("state_disk_reserve_bytes", instance): 256e6,
            name_of("state_disk_full", instance): 0,
        }
        for part in ("worker", "courier", "requests", "postbox"):
            levels[name_of("alive", instance, part=part)] = 1
        for check in ("settings", "source", "keys", "apps", "dead_letters", "journal", "disk", "brake", "running"):
            levels[name_of("ready", instance, check=check)] = 1
        for place in range(2):
            partition = str(2 * place + int(SLICES[instance]))
            levels[name_of("lag_events", instance, partition=partition)] = 12 * pace
            levels[name_of("lag_seconds", instance, partition=partition)] = 0.4
        rates: dict[str, float] = {
            name_of("events_read_total", instance): 600,
            name_of("damaged_inputs_total", instance): 0,
            name_of("refused_total", instance, reason="undecodable"): 0.5,
            name_of("refused_total", instance, reason="invalid_event"): 0.5,
            name_of("outcomes_total", instance, sync="main", outcome="delivered", reason=""): 60,
            name_of("outcomes_total", instance, sync="main", outcome="filtered", reason="not_selected"): 530,
        }
        for reason in sorted({*DeadLetterReason} - {DeadLetterReason.UNDECODABLE, DeadLetterReason.INVALID_EVENT}):
            letters = {"no_appsflyer_id": 9.0, "no_platform": 0.2, "rejected": 0.1}.get(reason.value, 0)
            rates[name_of("outcomes_total", instance, sync="main", outcome="dead_lettered", reason=reason.value)] = (
                letters
            )
        for warning in ("late_event", "no_os", "no_currency"):
            rates[name_of("warnings_total", instance, sync="main", caution=warning)] = 1
        for platform, built in (("ios", 40.0), ("android", 20.0)):
            app = {"sync": "main", "platform": platform}
            rates[name_of("requests_built_total", instance, **app)] = built
            rates[name_of("deliveries_total", instance, **app, attempt="first")] = built * 0.98
            rates[name_of("deliveries_total", instance, **app, attempt="retry")] = built * 0.02
            rates[name_of("answers_total", instance, **app, status="200", class_="delivered")] = built
            rates[name_of("answers_total", instance, **app, status="503", class_="retry")] = built * 0.02
            for circuit in ("closed", "open", "paused"):
                levels[name_of("circuit", instance, **app, circuit=circuit)] = circuit == "closed"
            levels[name_of("set_aside_requests", instance, **app)] = 0
        for identifier, share in (("idfa", 0.6), ("idfv", 0.0)):
            app = {"sync": "main", "platform": "ios", "identifier": identifier}
            rates[name_of("missing_identifiers_total", instance, **app)] = 40 * share
        for bound, within in (("1.0", 55), ("30.0", 58), ("60.0", 59), ("300.0", 60), ("+Inf", 60)):
            rates[name_of("delivery_age_seconds_bucket", instance, sync="main", le=bound)] = within
        rates[name_of("delivery_age_seconds_count", instance, sync="main")] = 60
        found |= {name: level((value, steps)) for name, value in levels.items()}
        found |= {name: count((rate * minute, steps)) for name, rate in rates.items()}
    return found | _taking_in(steps, minute)


def collector(metric: str, **labels: str) -> str:
    """Return the name of a series of the collector."""
    return name_of(metric, COLLECTOR, job="collector", **labels)


def _taking_in(steps: int, minute: float) -> dict[str, str]:
    """Return every series of a collector that has nothing to complain of."""
    levels = {
        collector("collector_blocked"): 0,
        collector("collector_stream_running"): 1,
        collector("inbox_oldest_waiting_seconds"): 2,
        collector("tee_oldest_waiting_seconds"): 1,
    }
    rates = {
        collector("collector_requests_total", path="/2/httpapi", status="200"): 120.0,
        collector("collector_requests_total", path="/2/httpapi", status="400"): 0.5,
        collector("collector_unknown_api_key_requests_total", api_key="0123…cdef"): 0.5,
        collector("collector_throttled_events_total"): 0.0,
        collector("collector_stream_starts_total"): 0.0,
    }
    found = {name: level((value, steps)) for name, value in levels.items()}
    return found | {name: count((rate * minute, steps)) for name, rate in rates.items()}


def both(metric: str, samples: str | None, **labels: str) -> dict[str, str | None]:
    """Return the same samples for both slices."""
    return {name_of(metric, instance, **labels): samples for instance in SLICES}


def _flag(metric: str, bad: int, *, good: float = 0, for_minutes: int = 60, **labels: str) -> dict[str, str | None]:
    return {name_of(metric, **labels): level((good, 60), (bad, for_minutes), (good, 60))}


def _circuit(state: str, minutes: int) -> dict[str, str | None]:
    app = {"sync": "main", "platform": "ios"}
    return {
        name_of("circuit", **app, circuit=state): level((0, 60), (1, minutes), (0, 60)),
        name_of("circuit", **app, circuit="closed"): level((1, 60), (0, minutes), (1, 60)),
    }


def _all_gone(at: int, for_minutes: int, then: int, instances: Iterable[str] = SLICES) -> dict[str, str | None]:
    """Return that slices end, and begin anew with their counters at 0; `then` is for how long they go on."""
    found: dict[str, str | None] = {}
    again = healthy(then) if then else {}
    for name, before in healthy(at).items():
        if any(f'instance="{each}"' in name for each in instances):
            found[name] = gone(before, for_minutes - 1) + (f" {again[name]}" if then else "")
    return found


def _outage(minutes: int) -> dict[str, str | None]:
    """Return that nothing is delivered for so long from minute 60 on, while requests are made all the time."""
    found: dict[str, str | None] = {}
    for platform, built in (("ios", 40.0), ("android", 20.0)):
        app = {"sync": "main", "platform": platform}
        for attempt, share in (("first", 0.98), ("retry", 0.02)):
            samples = count((built * share, 60), (0, minutes), (built * share, 60))
            found |= both("deliveries_total", samples, **app, attempt=attempt)
    return found


def _letters(reason: str, usual: float, bad: float, minutes: int = 60) -> dict[str, str | None]:
    samples = count((usual, 60), (bad, minutes), (usual, 120))
    return {name_of("outcomes_total", sync="main", outcome="dead_lettered", reason=reason): samples}


def _letter(reason: str) -> dict[str, str]:
    return {"outcome": "dead_lettered", "reason": reason}


def _ages(old: float) -> dict[str, str | None]:
    """Return that of the 60 deliveries a minute so many are older than 60 s, from minute 60 on."""
    bounds = (("1.0", 55.0), ("30.0", 58.0), ("60.0", 59.0), ("300.0", 60.0), ("+Inf", 60.0))
    found: dict[str, str | None] = {}
    for bound, within in bounds:
        later = min(within, 60 - old) if bound in ("1.0", "30.0", "60.0") else within
        samples = count((within, 60), (later, 120))
        found |= both("delivery_age_seconds_bucket", samples, sync="main", le=bound)
    return found


def _day(metric: str, usual: float, later: float, **labels: str) -> dict[str, str | None]:
    """Return a counter's course by five minutes: a day and an hour at one rate a minute, then two hours at another."""
    return both(metric, count((usual * 5, 300), (later * 5, 24)), **labels)


def _young(minutes: int) -> dict[str, str | None]:
    """Return that everything began only so many minutes before the end of a case of 27 hours."""
    before = 27 * 12 - minutes // 5
    return {name: f"_x{before} {samples}" for name, samples in healthy(minutes // 5, 5).items()}


def _night(**odd: str) -> dict[str, str | None]:
    """Return a day, then six hours in which next to nothing happens."""
    found: dict[str, str | None] = {}
    by_day, by_night = healthy(300, 5), healthy(72, 5, pace=0.001)
    for name, samples in by_day.items():
        if "_total" in name or "age_seconds_bucket" in name or "age_seconds_count" in name:
            day, night = (float(each.partition("+")[2].partition("x")[0]) for each in (samples, by_night[name]))
            found[name] = count((day, 300), (night, 72))
        elif "lag_" in name:
            found[name] = level((0, 372))
    return found | odd


_MAIN: Final = {"sync": "main"}
_IOS: Final = {"sync": "main", "platform": "ios"}

CASES: Final = (
    # Nothing is wrong
    Case("all is well", (), at=170, silent_at=(1, 6, 31, 61, 120)),
    Case("a quiet night", (), _night(), at=1850, silent_at=(1510, 1530, 1560, 1620, 1740), every_minutes=5),
    Case(
        "a quiet night with one event, which is dead-lettered, late and alone on its partition",
        (),
        _night()
        | {
            name_of("outcomes_total", outcome="dead_lettered", reason="rejected", **_MAIN): level(
                (150, 330), (151, 42)
            ),
            name_of("warnings_total", caution="late_event", **_MAIN): level((1500, 330), (1501, 42)),
            name_of("lag_events", partition="0"): level((0, 330), (1, 1), (0, 41)),
            name_of("lag_seconds", partition="0"): level((0, 330), (9000, 1), (0, 41)),
        },
        at=1655,
        silent_at=(1650, 1660, 1700, 1850),
        every_minutes=5,
    ),
    Case("a new stream, from its first minute on", (), _young(180), 1610, (1445, 1450, 1500, 1550), every_minutes=5),
    Case("both slices restart, and are back within two minutes", (), _all_gone(60, 2, 118), silent_at=(63, 70, 91)),
    Case("one slice is rolled, and is back within three minutes", (), _all_gone(60, 3, 117, [A]), silent_at=(62, 66)),
    Case(
        "a sync that is new selects a handful of events",
        (),
        {name_of("requests_built_total", sync="new", platform="ios"): count((0, 100), (0.1, 80))}
        | {name_of("deliveries_total", sync="new", platform="ios", attempt="first"): count((0, 100), (0.1, 80))}
        | {name_of("outcomes_total", sync="new", outcome="dead_lettered", reason="no_appsflyer_id"): count((0, 180))},
        at=170,
        silent_at=(105, 120, 140),
    ),
    Case(
        "after two hours' stop it catches up at four times the speed",
        (),
        {name_of("lag_seconds", partition="0"): "0.4+0x59 7200-180x39 0.4+0x79"}
        | {name_of("lag_events", partition="0"): "12+0x59 70000-1750x39 12+0x79"},
        at=75,
        silent_at=(61, 65, 90, 120),
    ),
    Case(
        "a transaction's mark stays the last record of a topic all night",
        (),
        {name_of("lag_seconds", partition="0"): "0+60x179", name_of("lag_events", partition="0"): level((1, 180))},
        at=170,
    ),
    # Running
    Case("all slices end and stay away", ("StreamAbsent",), _all_gone(60, 60, 0), 70, (59, 63)),
    Case("there never was a slice", ("StreamAbsent",), dict.fromkeys(healthy(1)), 20, (3,)),
    Case(
        "a small install whose sync is not enabled yet",
        (),
        dict.fromkeys(healthy(1))
        | {collector("collector_blocked"): level((0, 180)), collector("inbox_bytes"): level((4096, 180))},
        120,
        (3, 20),
    ),
    Case(
        "the stream of a small install ends and stays away",
        ("StreamBesideCollectorDown",),
        _all_gone(60, 120, 0)
        | {
            name_of("inbox_bytes", COLLECTOR): level((4096, 180)),
            name_of("collector_blocked", COLLECTOR): level((0, 180)),
        }
        | {name_of("collector_stream_running", COLLECTOR): level((1, 60), (0, 120))},
        100,
        (59, 63),
    ),
    Case("one slice ends and stays away", ("StreamSliceMissing",), _all_gone(60, 60, 0, [B]), 70, (59, 63)),
    Case(
        "nobody reads the new partitions",
        ("StreamPartitionsUnread",),
        both("topic_partitions", level((4, 60), (6, 120))),
        75,
        (59, 65),
    ),
    Case(
        "new partitions are taken in within five minutes",
        (),
        both("topic_partitions", level((4, 60), (6, 120)))
        | {name_of("lag_events", partition="4"): f"_x65 {level((3, 115))}"}
        | {name_of("lag_events", B, partition="5"): f"_x65 {level((3, 115))}"}
        | {name_of("lag_seconds", partition="4"): f"_x65 {level((0, 115))}"}
        | {name_of("lag_seconds", B, partition="5"): f"_x65 {level((0, 115))}"},
        80,
        (62, 65, 70),
    ),
    Case(
        "two processes read a partition",
        ("StreamPartitionReadTwice",),
        {name_of("lag_events", B, partition="0"): f"_x60 {level((5, 120))}"}
        | {name_of("lag_seconds", B, partition="0"): f"_x60 {level((0, 120))}"},
        70,
        (59, 63),
    ),
    Case(
        "a slice crashes every five minutes",
        ("StreamRestarting",),
        {
            name_of("process_start_time_seconds"): level(
                (1_700_000_000, 60), *((1_700_000_000 + 300 * each, 5) for each in range(1, 7)), (1_700_003_000, 90)
            )
        },
        80,
        (59, 64, 69, 170),
    ),
    Case(
        "it is restarted once",
        (),
        {name_of("process_start_time_seconds"): level((1_700_000_000, 60), (1_700_003_600, 120))},
        62,
    ),
    Case("the worker stands still", ("StreamStuck",), _flag("alive", 0, good=1, part="worker"), 62, (59, 122)),
    Case("a key's file is gone", ("StreamNotReady",), _flag("ready", 0, good=1, check="keys"), 80, (59, 70, 122)),
    Case("it takes up its users for ten minutes", (), _flag("ready", 0, good=1, for_minutes=10, check="running"), 69),
    Case("what has alerts of its own", (), _flag("ready", 0, good=1, check="apps"), 110),
    Case(
        "a mistake in the new settings", ("StreamSettingsNotTaken",), _flag("settings_taken", 0, good=1), 65, (59, 125)
    ),
    Case(
        "memory grows to its limit",
        ("StreamMemoryNearLimit",),
        {name_of("process_resident_memory_bytes"): level((4e8, 60), (1.9e9, 120))},
        80,
        (59, 70),
    ),
    Case(
        "there is no limit to memory",
        (),
        both("memory_limit_bytes", None) | both("process_resident_memory_bytes", level((9e10, 180))),
    ),
    # The way in
    Case(
        "the only collector ends and stays away",
        ("StreamCollectorAbsent",),
        {name: gone(samples, 60) for name, samples in _taking_in(60, 1).items()},
        70,
        (59, 63),
    ),
    Case("a stream without a collector", (), dict.fromkeys(_taking_in(1, 1))),
    Case(
        "the inbox's disk is full",
        ("StreamCollectorBlocked",),
        {collector("collector_blocked"): level((0, 60), (1, 60), (0, 60))}
        | {collector("collector_throttled_events_total"): count((0, 60), (300, 60), (0, 60))},
        65,
        (59, 61, 122, 135),
    ),
    Case(
        "Kafka takes no events for a minute",
        (),
        {collector("collector_blocked"): level((0, 60), (1, 1), (0, 119))}
        | {collector("collector_throttled_events_total"): count((0, 60), (300, 1), (0, 119))},
        61,
        (62, 70, 75),
    ),
    Case(
        "an app's release has a key that is not in the settings",
        ("StreamCollectorUnknownApiKey",),
        {collector("collector_unknown_api_key_requests_total", api_key="fedc…3210"): f"_x60 {count((20, 120))}"},
        75,
        (59, 60),
    ),
    Case(
        "the stream beside it cannot start",
        ("StreamBesideCollectorDown",),
        {collector("collector_stream_running"): level((1, 60), (0, 60), (1, 60))}
        | {collector("collector_stream_starts_total"): count((0, 60), (1, 60), (0, 60))},
        70,
        (59, 62, 125),
    ),
    Case(
        "the stream beside it runs for some minutes each time",
        ("StreamBesideCollectorDown",),
        {collector("collector_stream_running"): f"{level((1, 60))} " + " ".join(["0 1 1"] * 20) + f" {level((1, 60))}"}
        | {collector("collector_stream_starts_total"): count((0, 60), (0.34, 60), (0, 60))},
        90,
        (59, 65, 160),
    ),
    Case(
        "the stream beside it is started again once",
        (),
        {collector("collector_stream_running"): level((1, 60), (0, 1), (1, 119))}
        | {collector("collector_stream_starts_total"): count((0, 60), (1, 1), (0, 119))},
        61,
        (62, 66),
    ),
    Case(
        "the disk is too slow for what comes in",
        ("StreamCollectorThrottles",),
        {collector("collector_throttled_events_total"): count((0, 60), (20, 60), (0, 60))},
        75,
        (59, 65, 135),
    ),
    Case(
        "no sync is enabled, and events wait",
        ("StreamInboxBehind",),
        {collector("inbox_oldest_waiting_seconds"): "2+0x59 2+60x119"}
        | dict.fromkeys((collector("collector_stream_running"), collector("collector_stream_starts_total"))),
        140,
        (59, 110, 128),
    ),
    Case(
        "after two hours the inbox is read at four times the speed",
        (),
        {collector("inbox_oldest_waiting_seconds"): "2+0x59 7200-180x39 2+0x79"},
        75,
        (61, 65, 90),
    ),
    Case(
        "Amplitude is away for three hours",
        ("StreamTeeBehind",),
        {collector("tee_oldest_waiting_seconds"): "0+0x59 0+60x119 0+0x59"},
        140,
        (59, 110, 128, 185),
    ),
    Case(
        "the queue of copies is full",
        ("StreamTeeLosing",),
        {collector("tee_dropped_events_total", reason="full"): count((0, 60), (20, 60), (0, 60))},
        65,
        (59, 137),
    ),
    Case(
        "Amplitude does not know a key",
        ("StreamTeeLosing",),
        {collector("tee_given_up_events_total", reason="wrong_key"): count((0, 60), (20, 60), (0, 60))},
        65,
        (59, 137),
    ),
    Case(
        "Amplitude finds events invalid",
        (),
        {collector("tee_given_up_events_total", reason="invalid"): count((0, 60), (20, 60), (0, 60))},
        65,
        (59, 90),
    ),
    # Keeping up
    Case("Kafka is away", ("StreamKafkaUnreachable",), _flag("source_connected", 0, good=1), 67, (59, 63, 122)),
    Case("Kafka is away for three minutes", (), _flag("source_connected", 0, good=1, for_minutes=3), 64, (62, 66)),
    Case(
        "more comes in than is delivered",
        ("StreamLagGrowing",),
        {name_of("lag_seconds", partition="0"): "0.4+0x59 10+10x119"}
        | {name_of("lag_events", partition="0"): "12+0x59 100+100x119"},
        110,
        (59, 85, 94),
    ),
    Case(
        "it has stood at two hours for long",
        ("StreamLagGrowing", "StreamLate"),
        {name_of("lag_seconds", partition="0"): level((7200, 180))}
        | {name_of("lag_events", partition="0"): level((90_000, 180))},
        60,
        (5,),
    ),
    Case("deliveries come late", ("StreamDeliveriesSlow",), _ages(old=30), 100, (59, 70)),
    Case("two deliveries in sixty come late", (), _ages(old=2), 170),
    Case("requests are made and none is delivered", ("StreamNothingDelivered",), _outage(60), 105, (59, 80, 125)),
    Case("none is delivered for a quarter of an hour", (), _outage(15), 85, (70, 100)),
    Case(
        "a release renames the events",
        ("StreamNothingSelected",),
        _day("requests_built_total", 40, 0, **_IOS)
        | _day("requests_built_total", 20, 0, sync="main", platform="android")
        | _day("outcomes_total", 9, 0, sync="main", outcome="dead_lettered", reason="no_appsflyer_id")
        | _day("missing_identifiers_total", 24, 0, **_IOS, identifier="idfa")
        | _day("outcomes_total", 0.1, 0, sync="main", outcome="dead_lettered", reason="rejected")
        | _day("outcomes_total", 0.2, 0, **_MAIN, **_letter("no_platform"))
        | _day("warnings_total", 1, 0, **_MAIN, caution="late_event")
        | _day("warnings_total", 1, 0, **_MAIN, caution="no_os")
        | _day("warnings_total", 1, 0, **_MAIN, caution="no_currency"),
        1585,
        (1490, 1550, 1565),
        every_minutes=5,
    ),
    Case(
        "snapshots do not come",
        ("StreamSnapshotsMissing",),
        {name_of("snapshot_age_seconds"): "5+0x59 60+60x119"},
        80,
        (59, 64),
    ),
    # Delivery
    Case("the key is refused", ("StreamCredentialsRejected",), _circuit("paused", 60), 65, (59, 61, 122)),
    Case("the key is refused until the file has the new one", (), _circuit("paused", 1), 61, (63,)),
    Case("AppsFlyer is down", ("StreamCircuitOpen",), _circuit("open", 60), 80, (59, 70, 122)),
    Case(
        "a third of the answers are 503",
        ("StreamAppsFlyerFailing",),
        both("answers_total", count((0.8, 60), (20, 120)), **_IOS, status="503", class_="retry"),
        90,
        (59, 70),
    ),
    Case(
        "an app in trouble keeps back nearly all that it may",
        ("StreamSetAsideFull",),
        {name_of("set_aside_requests", **_IOS): level((0, 60), (480_000, 120))},
        70,
        (59, 63),
    ),
    Case("the brake is on", ("StreamBrakeOn",), _flag("brake_on", 1), 60, (59, 122)),
    # Dead letters
    Case(
        "a producer writes something else",
        ("StreamDeadLettersUnreadable",),
        {name_of("refused_total", reason="undecodable"): count((0.5, 60), (100, 60), (0.5, 120))},
        85,
        (59,),
    ),
    Case(
        "AppsFlyer rejects what it took before",
        ("StreamDeadLettersRejected",),
        _letters("rejected", 0.1, 10),
        90,
        (59,),
    ),
    Case("what is sent does not fit", ("StreamDeadLettersRejected",), _letters("too_large", 0, 10), 90, (59,)),
    Case("a few are rejected, as always", (), _letters("rejected", 0.1, 0.5), 110),
    Case("retries are used up", ("StreamDeadLettersExpired",), _letters("retries_exhausted", 0, 5), 80, (59, 62, 235)),
    Case("one event gets a 500 for good", (), _letters("retries_exhausted", 0, 1, minutes=2), 80),
    Case(
        "refused keys are parked",
        ("StreamDeadLettersCredentials",),
        _letters("credentials_rejected", 0, 5),
        65,
        (59, 150),
    ),
    Case(
        "the app never tells its AppsFlyer id",
        ("StreamAppsFlyerIdMissing",),
        both("outcomes_total", count((80, 180)), sync="main", outcome="dead_lettered", reason="no_appsflyer_id"),
        100,
        (5, 25),
    ),
    Case(
        "a release tells its AppsFlyer id less often",
        ("StreamAppsFlyerIdMissing",),
        _day("outcomes_total", 9, 25, sync="main", outcome="dead_lettered", reason="no_appsflyer_id"),
        1615,
        (1490, 1520),
        every_minutes=5,
    ),
    Case(
        "a server sends events without a platform",
        ("StreamPlatformMissing",),
        both("outcomes_total", count((0.2, 60), (20, 60), (0.2, 120)), **_MAIN, **_letter("no_platform")),
        110,
        (59, 75, 215),
    ),
    Case(
        "some events tell no platform, as always",
        (),
        both("outcomes_total", count((1, 180)), **_MAIN, **_letter("no_platform")),
    ),
    Case(
        "a sync selects nothing but events without a platform",
        ("StreamPlatformMissing",),
        both("outcomes_total", count((1, 180)), sync="new", **_letter("no_platform"))
        | {name_of("requests_built_total", sync="new", platform="ios"): count((0, 180))},
        100,
        (5, 25),
    ),
    Case(
        "a sync is disabled while events wait for it",
        ("StreamDeadLettersDisabled",),
        _letters("sync_disabled", 0, 5, minutes=2),
        65,
        (59, 125),
    ),
    Case(
        "what is left of a sync that is gone becomes dead letters with the first scrape",
        ("StreamDeadLettersDisabled",),
        {name_of("outcomes_total", sync="old", **_letter("sync_disabled")): "_x60 7x119"},
        65,
        (59, 125),
    ),
    Case(
        "a sync that is gone left nothing",
        (),
        {name_of("outcomes_total", sync="old", **_letter("sync_disabled")): "_x60 0x119"},
        65,
    ),
    Case(
        "the place for dead letters is away",
        ("StreamDeadLettersBlocked",),
        _flag("dead_letters_blocked", 1),
        65,
        (59, 61),
    ),
    # What is sent
    Case(
        "a release sends no IDFA any more",
        ("StreamIdentifierMissing",),
        _day("missing_identifiers_total", 24, 40, **_IOS, identifier="idfa"),
        1600,
        (1490, 1520),
        every_minutes=5,
    ),
    Case(
        "somewhat fewer have an IDFA",
        (),
        _day("missing_identifiers_total", 24, 29, **_IOS, identifier="idfa"),
        1600,
        every_minutes=5,
    ),
    Case(
        "events come a day late",
        ("StreamLateEvents",),
        both("warnings_total", count((1, 60), (30, 120)), **_MAIN, caution="late_event"),
        115,
        (59, 80),
    ),
    Case(
        "a release sends revenue without a currency",
        ("StreamWarnings",),
        _day("warnings_total", 1, 30, **_MAIN, caution="no_currency"),
        1600,
        (1490, 1520),
        every_minutes=5,
    ),
    Case(
        "an archive is damaged",
        ("StreamDamagedInputs",),
        {name_of("damaged_inputs_total"): level((0, 60), (1, 120))},
        65,
        (59, 125),
    ),
    # The disk
    Case("the state disk is full", ("StreamStateDiskFull",), _flag("state_disk_full", 1), 65, (59, 122)),
    Case(
        "the state disk fills up",
        ("StreamStateDiskFilling",),
        {name_of("state_disk_free_bytes"): level((8e9, 60), (400e6, 120))},
        80,
        (59, 70),
    ),
    Case("the journal cannot be written", ("StreamJournalBlocked",), _flag("journal_blocked", 1), 65, (59, 122)),
)
