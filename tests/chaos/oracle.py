"""The oracle: knows from the produced ids alone what must have arrived, and judges what did.

It reads the record that the stand-in AppsFlyer wrote and the dead letters, and never asks the stream.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from tests.chaos.produced import Body, app_of, expected_body, is_broken, is_wanted

LEAST_EVENTS: Final = 1000
"""A scenario that fewer events passed has shown nothing."""
_ACCEPTED: Final = 200


class Arrival(NamedTuple):
    """One request that the endpoint accepted."""

    app_id: str
    body: Body
    """With `eventValue` parsed."""
    at_s: float = 0.0
    """When, in seconds since the epoch."""


class Letter(NamedTuple):
    """One dead letter."""

    reason: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the produced ids. Lists hold ids."""

    events: int
    """How many ids were produced."""
    arrived: int
    """How many of those that must arrive did."""
    lost: list[int]
    """Neither accepted nor a dead letter."""
    changed: list[int]
    """Arrived with another body, or at another app, than it must."""
    invented: list[str]
    """Arrived though nothing like it was produced, or though it must be filtered or refused."""
    copies: int
    """Requests accepted beyond the first of each id: what AppsFlyer counts twice."""
    letters: Counter[str] = field(default_factory=Counter)
    """Reason → ids, each counted once."""
    contradictions: list[int] = field(default_factory=list)
    """Accepted, and a dead letter too."""
    letter_copies: int = 0
    """Dead letters beyond the first of each id."""

    def problems(self, *, copies_allowed: int = 0, letters_allowed: Collection[str] = ()) -> list[str]:
        """Return in words what is wrong; an empty list is a pass.

        `letters_allowed` are the reasons that may occur apart from `undecodable`.
        """
        unexpected = {reason: count for reason, count in self.letters.items() if reason not in letters_allowed}
        unexpected.pop("undecodable", None)
        found = [
            (self.lost, f"{len(self.lost)} lost: {self.lost[:10]}"),
            (self.changed, f"{len(self.changed)} changed: {self.changed[:10]}"),
            (self.invented, f"{len(self.invented)} invented: {self.invented[:3]}"),
            (self.contradictions, f"{len(self.contradictions)} both accepted and dead: {self.contradictions[:10]}"),
            (unexpected, f"dead letters that nothing explains: {unexpected}"),
            (self.copies > copies_allowed, f"{self.copies} sent twice; at most {copies_allowed} may be"),
            (self.letter_copies > copies_allowed, f"{self.letter_copies} dead letters twice"),
            (self.events < LEAST_EVENTS, f"only {self.events} events passed; {LEAST_EVENTS} are the least"),
        ]
        return [words for is_wrong, words in found if is_wrong]


def judge(produced: Iterable[int], arrivals: Iterable[Arrival], letters: Iterable[Letter] = ()) -> Verdict:
    """Compare what arrived with what must."""
    numbers = set(produced)
    accepted: Counter[int] = Counter()
    changed: set[int] = set()
    invented: list[str] = []
    for arrival in arrivals:
        number = _number_of(arrival.body)
        if number not in numbers or not is_wanted(number):
            invented.append(str(arrival.body.get("eventValue"))[:80])
            continue
        accepted[number] += 1
        if arrival.body != expected_body(number) or arrival.app_id != app_of(number):
            changed.add(number)
    dead, reasons = _dead(numbers, letters, invented)
    must_end = {number for number in numbers if is_wanted(number) or is_broken(number)}
    return Verdict(
        events=len(numbers),
        arrived=len(accepted),
        lost=sorted(must_end - set(accepted) - set(dead)),
        changed=sorted(changed),
        invented=invented,
        copies=sum(count - 1 for count in accepted.values()),
        letters=reasons,
        contradictions=sorted(set(accepted) & set(dead)),
        letter_copies=sum(count - 1 for count in dead.values()),
    )


def read_record(path: Path) -> list[Arrival]:
    """Return the accepted requests of a sandbox's record, those among them whose answer was cut off."""
    arrivals = []
    with path.open("rb") as lines:
        for line in lines:
            request: Mapping[str, Any] = orjson.loads(line)
            if request["status"] == _ACCEPTED:
                body = {**request["body"], "eventValue": request["event_value"]}
                at_s = datetime.fromisoformat(request["received_at"]).timestamp()
                arrivals.append(Arrival(request["app_id"], body, at_s))
    return arrivals


def repeated_at(arrivals: Iterable[Arrival]) -> list[float]:
    """Return, for each request that was accepted again later, when it had been accepted."""
    last: dict[int, float] = {}
    repeated = []
    for arrival in arrivals:
        number = _number_of(arrival.body)
        if number in last:
            repeated.append(last[number])
        last[number] = arrival.at_s
    return repeated


def _dead(numbers: set[int], letters: Iterable[Letter], invented: list[str]) -> tuple[Counter[int], Counter[str]]:
    dead: Counter[int] = Counter()
    reasons: Counter[str] = Counter()
    for letter in letters:
        number = _number_in(letter.value)
        # What is no JSON must be refused; everything else may only be given up by delivery.
        if number not in numbers or is_broken(number) != (letter.reason == "undecodable"):
            invented.append(f"dead letter {letter.reason}: {letter.value[:60]!r}")
            continue
        dead[number] += 1
        if dead[number] == 1:
            reasons[letter.reason] += 1
    return dead, reasons


def _number_of(body: Body) -> int:
    value = body.get("eventValue")
    number = value.get("id") if isinstance(value, dict) else None
    return number if isinstance(number, int) else -1


def _number_in(value: bytes) -> int:
    try:
        number = orjson.loads(value)["event_properties"]["id"]
    except (orjson.JSONDecodeError, KeyError):
        text = value.rpartition(b" ")[2]
        return int(text) if text.isdigit() else -1
    return number if isinstance(number, int) else -1
