"""The archives: whether there are any, whether they can be read, and what a sample of them holds."""

from collections.abc import Iterator
from pathlib import Path

from connectors.files.known_check import known_files
from connectors.files.sample import matches, sample_archives
from connectors.files.settings import FilesSource
from connectors.finding import Finding, Mark, count
from connectors.ports import LookAt
from connectors.sample import SAMPLE_RECORDS, Sample, about, date_of, sample_of


def source_findings(source: FilesSource, state_directory: Path, look_at: LookAt) -> Iterator[Finding]:
    """Yield what is found of each pattern, and in a sample of what they name."""
    for pattern in source.paths:
        there = matches(pattern)
        if there:
            yield Finding(Mark.FINE, f"source.paths: {pattern}: {len(there):,} found")
        elif source.follow:
            yield Finding(Mark.NOTE, f"source.paths: {pattern}: nothing there yet")
        else:
            do = "fetch archives (`python -m flows pull`), put them there, or correct it"
            yield Finding(Mark.FAILED, f"source.paths: {pattern}: nothing there", do)
    yield from known_files(state_directory, source)
    archives = sample_archives(source, SAMPLE_RECORDS)
    for problem in archives.unreadable:
        yield Finding(Mark.NOTE, f"source.paths: {problem}", "it will be skipped; mend it, or take it away")
    number = count(len(archives.records), "line")
    sample = sample_of(archives.records, f"the {number} there {'is' if number == '1 line' else 'are'}")
    if not archives.is_whole:
        sample = sample._replace(where=f"a sample of {number} of {count(archives.files, 'file')}")
    if sample.records and not sample.events:
        do = "look at them with `python -m flows explain`"
        yield Finding(Mark.FAILED, f"source.paths: none of {sample.where} holds an Amplitude event", do)
    if sample.events:
        yield of_archives(sample, archives.lines)
    yield from look_at(sample)


def of_archives(sample: Sample, lines: int) -> Finding:
    """Return what the first start will read of archives with so many lines, as far as a sample tells."""
    events = lines * len(sample.events) / len(sample.records)
    oldest = date_of(min(event.time_ms for event in sample.events))
    return Finding(Mark.FINE, f"a first start reads {about(events)}, the oldest of {oldest}")
