"""The runbook: an entry for every alert, reason and warning, and no command that could not be typed."""

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import cli
from flows.steps.caution import Caution
from flows.steps.outcome import DeadLetterReason
from tests.deploy.manifests import DEPLOY
from tests.deploy.rules import Rule, alerts

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
NAMESPACE = "appsflyer-stream"
OTHERS = {"curl", "df", "du", "pkill", "printf", "mv"}
"""What every machine has."""
OPERATORS = {"&&", "|", ">", "<"}


def _anchor(heading: str) -> str:
    """Return a heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _headings(text: str) -> list[str]:
    return [_anchor(each) for each in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]


def _blocks(text: str) -> Iterator[str]:
    for block in re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
        yield from (line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip())


def _commands() -> list[str]:
    lines = list(_blocks(RUNBOOK))
    return lines + [
        each for each in re.findall(r"`((?:python -m flows|kubectl|make) [^`]+)`", RUNBOOK) if "…" not in each
    ]


def _words(line: str) -> Iterator[list[str]]:
    """Yield the simple commands of a line, without where their output goes."""
    words: list[str] = []
    is_target = False
    for word in shlex.split(line, comments=True):
        if is_target:
            is_target = False
        elif word in (">", "<"):
            is_target = True
        elif word in OPERATORS:
            yield words
            words = []
        else:
            words.append(word)
    yield words


def _points_to(rule: Rule) -> list[str]:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "docs/runbook.md"
    if anchor == "{{ $labels.reason }}":
        of_decode = "refused_total" in rule["expr"]
        return ["undecodable", "invalid_event"] if of_decode else ["rejected", "too_large"]
    return [anchor]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_has_the_entry_that_it_points_to(rule: Rule) -> None:
    headings = _headings(RUNBOOK)
    assert all(each in headings for each in _points_to(rule))
    assert re.search(rf"\b{rule['alert']}\b", RUNBOOK)


def test_every_entry_of_an_alert_is_of_one_that_exists() -> None:
    named = set(re.findall(r"\bStream[A-Z]\w+", RUNBOOK))
    assert named == {rule["alert"] for rule in alerts()}


@pytest.mark.parametrize("reason", DeadLetterReason)
def test_every_reason_of_a_dead_letter_has_an_entry(reason: DeadLetterReason) -> None:
    entry = re.search(rf"^### {reason}\n\n(.*?)(?=^##)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert entry is not None
    for part in ("**It means**", "**Do**", "**Replay**"):
        assert part in entry[1]


@pytest.mark.parametrize("caution", Caution)
def test_every_warning_has_a_row(caution: Caution) -> None:
    rows = [line for line in RUNBOOK.splitlines() if line.startswith("| `") and f"`{caution}`" in line.split("|")[1]]
    assert len(rows) == 1


@pytest.mark.parametrize("name", re.findall(r"^### (Stream\w+)$", RUNBOOK, re.MULTILINE))
def test_an_entry_says_what_is_seen_what_to_do_and_how_it_ends(name: str) -> None:
    entry = RUNBOOK.partition(f"### {name}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    for part in ("**You see**", "**It is over when**"):
        assert part in entry
    assert "**Do**" in entry or "**do**" in entry


def test_the_procedures_say_how_they_end() -> None:
    procedures = RUNBOOK.partition("## Procedures")[2]
    for entry in procedures.split("\n### ")[1:]:
        assert "It is over when" in entry or "has the steps" in entry, entry.splitlines()[0]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", RUNBOOK):
        page, _, anchor = target.partition("#")
        place = ROOT / "docs" / page if page else ROOT / "docs" / "runbook.md"
        assert place.exists(), target
        if anchor:
            assert anchor in _headings(place.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("line", dict.fromkeys(_commands()))
def test_a_command_could_be_typed(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m flows …` parses with its flags; folders and files are there; kubectl names what the manifests hold."""
    for words in _words(line):
        if words[:3] == ["python", "-m", "flows"]:
            _is_a_command_of_ours(words[3:], monkeypatch)
        elif words[0] == "make":
            targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            assert set(words[1:]) <= set(targets)
        elif words[0] == "kubectl":
            _is_about_our_manifests(words, monkeypatch)
        elif "/" in words[0]:
            assert (ROOT / words[0]).is_file(), line
        else:
            assert words[0] in OTHERS, line


def _is_a_command_of_ours(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert words[0] in cli.COMMANDS
    module = import_module(f"flows.commands.{words[0].replace('-', '_')}")
    monkeypatch.setattr(module, "run", lambda _args: 0)
    given = [each.replace("i/N", "0/2") for each in words]
    assert cli.main(given) == 0


def _manifests() -> list[dict[str, Any]]:
    files = [*DEPLOY.glob("base/*.yaml"), *DEPLOY.glob("jobs/*/job.yaml")]
    return [each for file in files for each in yaml.safe_load_all(file.read_text(encoding="utf-8")) if each]


def _is_about_our_manifests(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if words == ["kubectl", "apply", "-k"]:  # in prose
        return
    if words[1:3] == ["apply", "-k"]:
        assert (ROOT / words[3] / "kustomization.yaml").is_file(), words
        return
    if words[1:] == ["apply", "-f", "-"] or len(words) == 2:
        return
    assert words[1:3] == ["-n", NAMESPACE], words
    if "--" in words:
        inner = words[words.index("--") + 1 :]
        assert inner[:3] == ["python", "-m", "flows"]
        _is_a_command_of_ours(inner[3:], monkeypatch)
    names = {(each["kind"].lower(), each["metadata"]["name"]) for each in _manifests() if "metadata" in each}
    for kind, name in re.findall(r"\b(job|statefulset)[/ ]([a-z]+)", " ".join(words)):
        assert (kind, name) in names, words
    for word in words:
        if word.startswith(("stream-", "state-stream-")):
            assert re.fullmatch(r"(state-)?stream-\d+", word), words
