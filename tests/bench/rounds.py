"""Rounds: every contestant in turn, again and again, so that what else the machine does hits all of them alike."""

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from tests.bench.broker import Topic
from tests.bench.contestants import Contestant
from tests.bench.endpoint import Endpoint
from tests.bench.job import Job
from tests.bench.measure import Measurement, measure

Results = dict[str, list[Measurement]]


def run(
    field: Sequence[Contestant],
    rounds: int,
    topic: Topic,
    endpoint: Endpoint,
    body_file: Path,
    directory: Path,
    progress: Progress,
) -> Results:
    """Return each contestant's measurements, in the order of the rounds. Raises ContestantError."""
    results: Results = {each.name: [] for each in field}
    for number in range(rounds):
        shift = number % len(field)  # who comes after whom changes, too
        for contestant in (*field[shift:], *field[:shift]):
            results[contestant.name].append(
                _run(contestant, f"round {number + 1}", topic, endpoint, body_file, directory, progress)
            )
    return results


def _run(
    contestant: Contestant,
    title: str,
    topic: Topic,
    endpoint: Endpoint,
    body_file: Path,
    directory: Path,
    progress: Progress,
) -> Measurement:
    name = f"{contestant.name}-{uuid.uuid4().hex[:8]}"
    job = Job(topic, endpoint, directory / name, f"bench-{name}", body_file)
    task = progress.add_task(f"{title}: {contestant.title}", total=topic.selected)
    try:
        measurement = measure(
            contestant.launches(job),
            job.directory / "processes",
            endpoint,
            topic.selected,
            lambda requests: progress.update(task, completed=requests),
        )
        contestant.check(job)
    finally:
        progress.remove_task(task)
    shutil.rmtree(job.directory, ignore_errors=True)  # what failed is kept, to be looked at
    return measurement
