"""The report: Markdown for people, with a picture, and the samples as JSON lines for programs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import orjson
from rich.console import Console
from rich.markdown import Markdown

from tests.tools.load import charts, soak
from tests.tools.load.latencies import SHARES
from tests.tools.load.meter import Use
from tests.tools.load.result import Result

REPORT: Final = "report.md"
PICTURE: Final = "report.svg"
SAMPLES: Final = "samples.ndjson"


def write_report(directory: Path, result: Result) -> Path:
    """Write everything into a directory; return the report's path."""
    path = directory / REPORT
    path.write_text("\n".join(_lines(result)) + "\n", encoding="utf-8")
    charts.draw(result, directory / PICTURE)
    with (directory / SAMPLES).open("wb") as file:
        for each in result.samples:
            file.write(orjson.dumps(each) + b"\n")
    return path


def print_report(console: Console, result: Result, path: Path) -> None:
    """Print it as far as a terminal can show it."""
    console.print(Markdown("\n".join(_lines(result, picture=False))))
    console.print(f"\n{path}, with the picture beside it", style="dim")


def _lines(result: Result, *, picture: bool = True) -> Iterator[str]:
    yield f"# Load test of {result.started:%Y-%m-%d %H:%M} UTC"
    yield ""
    if result.ended:
        yield f"**It did not end as planned: {result.ended}.**"
        yield ""
    for each in result.crashed:
        yield f"**A slice did not stop cleanly:**\n\n```\n{each}\n```\n"
    yield from _plan(result)
    yield "## What limited it"
    yield ""
    for number, limit in enumerate(result.limits(), 1):
        yield f"{number}. **{limit.what}**: {limit.proof}."
    yield ""
    yield "## Figures"
    yield ""
    yield from _table(("", ""), _figures(result))
    yield "## What each part took"
    yield ""
    when = "while events were produced" if result.plan.rate else "until all were delivered"
    yield from _table((when, "CPU, mean", "CPU, most", "memory", "open files"), _uses(result))
    if picture:
        yield f"![rates, latency, CPU and memory over time]({PICTURE})"
        yield ""
    yield from _soak(result)
    yield from _fates(result)


def _plan(result: Result) -> Iterator[str]:
    plan, parts = result.plan, result.parts
    pace = f"{plan.rate:,.0f} events/s" if plan.rate else "events as fast as they can be produced"
    if plan.burst > 1 and plan.rate:
        pace += f", {plan.burst:g} times as many for {plan.burst_seconds:g} s in the middle"
    traffic = (
        f"the events of {plan.archive.name}, again and again"
        if plan.archive is not None
        else f"invented: {plan.users:,} users (Zipf {plan.skew:g}), {plan.selected:.0%} selected, "
        f"{plan.without_ids:.0%} without identifiers"
    )
    filters = f"those of {plan.settings.name}" if plan.settings is not None else "the sample's"
    yield f"- load: {plan.events:,} events, {pace}; {traffic}"
    yield f"- stream {parts.version}: {plan.slices} slice{'s' if plan.slices > 1 else ''}, settings: {filters}"
    yield f"- broker: {parts.broker}; endpoint: {parts.endpoint}"
    yield f"- machine: {parts.machine}; every part of the test ran on it"
    yield ""


def _figures(result: Result) -> Iterator[Sequence[str]]:
    seconds = result.produced_seconds
    yield "events produced", f"{result.taken:,} in {seconds:,.1f} s: {result.produced_rate:,.0f}/s"
    yield "requests answered", f"{result.answered:,}: {result.answered_rate:,.0f}/s"
    for share in SHARES:
        value = result.percentile_ms(share)
        name = "longest" if share == 1 else f"p{share * 100:g}"
        yield f"broker's timestamp to answer, {name}", "-" if value is None else f"{value:,} ms"
    if result.mean_answer_ms is not None:
        yield "a request, on average", f"{result.mean_answer_ms:,.1f} ms"
    if result.samples:
        end = (result.while_produced or result.samples)[-1]
        yield "backlog when the last event was produced", f"{end.backlog:,} events"
        yield "most events behind, of the generator", f"{max(each.behind for each in result.samples):,}"
    if result.unnumbered:
        yield "requests whose event could not be told", f"{result.unnumbered:,}"
    if set(result.statuses) - {200}:
        yield "other answers than 200", ", ".join(f"{code}: {count:,}" for code, count in result.statuses.items())


def _uses(result: Result) -> Iterator[Sequence[str]]:
    samples = result.looked_at
    for index in range(len(samples[0].slices)):
        yield _use(f"slice {index}", [each.slices[index].use for each in samples])
    yield _use("generator", [each.generator for each in samples])
    yield _use("endpoint", [each.endpoint for each in samples])
    broker = [each.broker for each in samples if each.broker is not None]
    if broker:
        yield _use("broker", broker)
    busy = [each.machine.busy for each in samples]
    yield "the machine", f"{fmean(busy):.0%} of all cores", f"{max(busy):.0%}", "", ""


def _use(name: str, uses: Sequence[Use]) -> Sequence[str]:
    cpu = [each.cpu for each in uses]
    first, last = uses[0], next((each for each in reversed(uses) if each.rss_bytes), uses[-1])  # one may have ended
    memory = f"{first.rss_bytes / 2**20:,.0f} → {last.rss_bytes / 2**20:,.0f} MB"
    return name, f"{fmean(cpu):.0%} of a core", f"{max(cpu):.0%}", memory, f"{first.files} → {last.files}"


def _soak(result: Result) -> Iterator[str]:
    found = soak.drifts(result)
    if not found:
        return
    yield "## Soak"
    yield ""
    yield "After the first third. The interval is that of 95 % confidence; where it holds 0, no drift can be seen."
    yield ""
    rows = []
    for each in found:
        unit = f" {each.unit}" if each.unit else ""
        change = "-"
        if each.trend is not None:
            change = f"{each.trend.per_hour:+,.2f}{unit}/h ({each.trend.low:+,.2f} to {each.trend.high:+,.2f})"
        rows.append((each.what, f"{each.first:,.1f}{unit}", f"{each.last:,.1f}{unit}", change))
    yield from _table(("", "begins with", "ends with", "drift"), rows)
    users = [sum(part.users for part in sample.slices) for sample in result.while_produced]
    yield (
        f"Users remembered: {users[len(users) // 3]:,} → {users[-1]:,}. Memory grows with new users, and by 8 bytes an "
        "event until each user has `remember_insert_ids` of them; only then must it be flat."
    )
    yield ""


def _fates(result: Result) -> Iterator[str]:
    if not result.summaries:
        return
    yield "## Where the events went"
    yield ""
    total: dict[str, Counter[str]] = {}
    read = sum(each["read"] for each in result.summaries)
    for each in result.summaries:
        for name, sync in each["syncs"].items():
            total.setdefault(name, Counter()).update(_flat(sync))
    labels = list(dict.fromkeys(label for counts in total.values() for label in counts))
    rows = [("read", *(f"{read:,}" for _ in total))]
    rows += [(label, *(f"{counts[label]:,}" for counts in total.values())) for label in labels]
    yield from _table(("", *total), rows)
    delivered = sum(counts["delivered"] for counts in total.values())
    yield _balance("read as many events as were produced", read, result.taken)
    yield _balance("answered as many requests as were delivered", result.answered, delivered)
    held = sum(each.held for each in result.samples[-1].slices)
    if held:
        yield f"- {held:,} events waited for their AppsFlyer id when it ended; they count as pending"
    yield ""


def _flat(sync: dict[str, Any]) -> dict[str, int]:
    counts = {"delivered": sync["delivered"], "duplicate": sync["duplicate"]}
    counts |= {f"filtered: {reason}": count for reason, count in sync["filtered"].items()}
    counts |= {f"dead_lettered: {reason}": count for reason, count in sync["dead_lettered"].items()}
    return counts | {"pending": sync["pending"]}


def _balance(what: str, is_count: int, should: int) -> str:
    if is_count == should:
        return f"- {what}: {is_count:,}"
    return f"- **not {what}: {is_count:,} instead of {should:,}**"


def _table(head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'---:|' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
