"""The archives: whether there are any, whether they can be read, and what a sample of them holds."""

from collections.abc import Iterator

from connectors.files.settings import FilesSource
from flows.operations.check.archives import matches, sample_archives
from flows.operations.check.finding import Finding, Mark, count
from flows.operations.check.first_start import of_archives
from flows.operations.check.known_files import known_files
from flows.operations.check.sample import SAMPLE_RECORDS, look_at, sample_of
from flows.settings.model import Settings


def files(settings: Settings, source: FilesSource) -> Iterator[Finding]:
    """Yield what is found of each pattern, and in a sample of what they name."""
    for pattern in source.paths:
        there = matches(pattern)
        if there:
            yield Finding(Mark.FINE, f"source.paths: {pattern}: {len(there):,} found")
        elif source.follow:
            yield Finding(Mark.NOTE, f"source.paths: {pattern}: nothing there yet")
        else:
            yield Finding(
                Mark.FAILED, f"source.paths: {pattern}: nothing there", "put the archives there, or correct it"
            )
    yield from known_files(settings, source)
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
    yield from look_at(settings, sample)
