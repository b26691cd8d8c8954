"""The runbook: an entry for every alert, reason and warning, and kubectl names what the manifests hold.

That its commands parse, and its paths and links lead somewhere, is looked at for all pages in test_commands.py.
"""

import re
from typing import Any

import pytest
import yaml

from flows.commands.parser import build
from flows.domain.fate import DeadLetterReason
from flows.domain.warning import EventWarning
from tests.docs.markdown import ROOT, anchors, blocks, code_in_sentences, commands, text_of
from tests.tools.deploy.manifests import DEPLOY
from tests.tools.deploy.rules import Rule, alerts

PAGE = ROOT / "docs" / "runbook.md"
RUNBOOK = text_of(PAGE)
NAMESPACE = "appsflyer-stream"
ENTRIES = re.findall(r"^### (Stream\w+)$", RUNBOOK, re.MULTILINE)
KUBECTL = {
    " ".join(command): command
    for script in (*(block.text for block in blocks(PAGE, "sh")), *code_in_sentences(PAGE))
    for command in commands(script.replace("…", ""))
    if command[0] == "kubectl" and len(command) > 3
}


def _points_to(rule: Rule) -> list[str]:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page.endswith(f"/{PAGE.relative_to(ROOT)}")
    if anchor == "{{ $labels.reason }}":
        of_decode = "refused_total" in rule["expr"]
        return ["undecodable", "invalid_event"] if of_decode else ["rejected", "too_large"]
    return [anchor]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_has_the_entry_that_it_points_to(rule: Rule) -> None:
    assert set(_points_to(rule)) <= anchors(PAGE)
    assert re.search(rf"\b{rule['alert']}\b", RUNBOOK)


def test_the_table_at_the_top_has_every_alert_with_its_severity() -> None:
    """Critical ones first; the entry that a row leads to is the one that the alert points to."""
    rows = re.findall(r"^\| `(Stream\w+)` \| (\w+) \| [^|]+ \| ([^|]+) \|$", RUNBOOK, re.MULTILINE)
    assert {name: severity for name, severity, _ in rows} == {
        rule["alert"]: rule["labels"]["severity"] for rule in alerts()
    }
    assert [severity for _, severity, _ in rows] == sorted(severity for _, severity, _ in rows)
    leads_to = {name: re.findall(r"\(#([\w-]+)\)", entry) for name, _, entry in rows}
    assert all(leads_to[rule["alert"]] == _points_to(rule) for rule in alerts())


def test_the_contents_name_every_section() -> None:
    contents = RUNBOOK.partition("## Contents")[2].partition("\n## ")[0]
    sections = anchors(PAGE) - {name.lower() for name in ENTRIES} - {"runbook", "contents", "all-alerts", "two-rules"}
    assert sections <= set(re.findall(r"\(#([\w-]+)\)", contents))


def test_every_alert_that_is_named_exists() -> None:
    assert set(re.findall(r"\bStream[A-Z]\w+", RUNBOOK)) == {rule["alert"] for rule in alerts()}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_says_what_is_seen_what_to_do_and_how_it_ends(name: str) -> None:
    entry = RUNBOOK.partition(f"### {name}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    assert "**You see**" in entry
    assert "**Do**" in entry or "**do**" in entry
    assert "**It is over when**" in entry


@pytest.mark.parametrize("reason", DeadLetterReason)
def test_every_reason_of_a_dead_letter_has_an_entry(reason: DeadLetterReason) -> None:
    entry = re.search(rf"^### {reason}\n\n(.*?)(?=^##)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert entry is not None
    for part in ("**It means**", "**Do**", "**Replay**"):
        assert part in entry[1]


@pytest.mark.parametrize("warning", EventWarning)
def test_every_warning_has_one_row(warning: EventWarning) -> None:
    first_cells = [line.split("|")[1] for line in RUNBOOK.splitlines() if line.startswith("| `")]
    assert sum(f"`{warning}`" in cell for cell in first_cells) == 1


def test_the_procedures_say_how_they_end() -> None:
    for entry in RUNBOOK.partition("## Procedures")[2].split("\n### ")[1:]:
        assert "It is over when" in entry or "has the steps" in entry, entry.splitlines()[0]


def _objects() -> set[tuple[str, str]]:
    files = [*DEPLOY.glob("base/*.yaml"), *DEPLOY.glob("jobs/*/job.yaml")]
    made: list[dict[str, Any]] = [
        each for file in files for each in yaml.safe_load_all(file.read_text(encoding="utf-8")) if each
    ]
    return {(each["kind"].lower(), each["metadata"]["name"]) for each in made if "metadata" in each}


@pytest.mark.parametrize("command", KUBECTL.values(), ids=KUBECTL)
def test_kubectl_is_about_what_the_manifests_hold(command: list[str]) -> None:
    """Folders that are applied, the namespace, workloads, a slice's pod and volume, and our command within a pod."""
    if command[1:3] == ["apply", "-k"]:
        assert (ROOT / command[3] / "kustomization.yaml").is_file()
        return
    if command[1:] == ["apply", "-f", "-"]:
        return
    assert command[1:3] == ["-n", NAMESPACE]
    named = set(re.findall(r"\b(job|statefulset)[/ ]([a-z]+)", " ".join(command)))
    assert named <= _objects()
    for word in command:
        if word.startswith(("stream-", "state-stream-")):
            assert re.fullmatch(r"(state-)?stream-\d+", word)
    if "--" in command:
        program, flag, module, *given = command[command.index("--") + 1 :]
        assert (program, flag, module) == ("python", "-m", "flows")
        assert build(given[0])[1] is not None


def test_commands_of_kubectl_are_looked_at() -> None:
    assert len(KUBECTL) > 12
