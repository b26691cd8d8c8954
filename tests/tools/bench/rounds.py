"""Rounds: every contestant in turn, again and again, so that what else the machine does hits all of them alike."""

import shutil
import uuid
from collections.abc import Sequence

from tests.tools.bench.contestants import Contestant
from tests.tools.bench.measure import ContestantError, Measurement, measure
from tests.tools.bench.workplace import Workplace

Results = dict[str, list[Measurement]]


def run(field: Sequence[Contestant], rounds: int, place: Workplace) -> Results:
    """Return each contestant's measurements, in the order of the rounds. Raises ContestantError."""
    results: Results = {each.name: [] for each in field}
    for number in range(rounds):
        shift = number % len(field)  # who comes after whom changes, too
        for contestant in (*field[shift:], *field[:shift]):
            results[contestant.name].append(once(contestant, f"round {number + 1} of {rounds}", place))
    return results


def once(contestant: Contestant, title: str, place: Workplace) -> Measurement:
    """Return the measurement of one run. Raises ContestantError."""
    job = place.job(f"{contestant.name}-{uuid.uuid4().hex[:8]}")
    task = place.progress.add_task(f"{title}: {contestant.title}", total=job.topic.selected)
    try:
        measurement = measure(
            contestant.launches(job),
            job.directory / "processes",
            job.endpoint,
            job.topic.selected,
            lambda requests: place.progress.update(task, completed=requests),
        )
        contestant.check(job)
    except ContestantError as problem:
        raise ContestantError(f"{contestant.title}: {problem}") from problem
    finally:
        place.progress.remove_task(task)
        shutil.rmtree(job.directory, ignore_errors=True)
    return measurement
