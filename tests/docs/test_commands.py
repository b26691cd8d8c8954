"""Every command, path, link and setting that a page names is there: nobody copies a line that does not work."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from flows.commands.parser import COMMANDS, build
from flows.settings.file import check
from tests.docs.markdown import (
    PAGES,
    ROOT,
    Block,
    anchors,
    arguments_of,
    blocks,
    code_in_sentences,
    commands,
    links,
    text_of,
)

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))
OURS = ("flows", "connectors", "tests", "docs", "deploy", "examples", ".ci")
"""Folders of the project: a path that begins with one of them must be there."""
MADE = {"deploy/jobs/reslice/job.yaml", "dist/sbom.json"}
"""Paths that a command makes."""
NOT_YET = {"rekey"} - COMMANDS.keys()
"""Commands that a page names before they are there; from then on they are checked like all others."""

MINIMAL: dict[str, Any] = {
    "source": {"kind": "kafka", "bootstrap_servers": "localhost:9092", "topic": "amplitude-events"},
    "sync": [{"name": "production", "ios_app_id": "id1", "s2s_key": "env:APPSFLYER_S2S_KEY", "events": "all"}],
}

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _scripts(page: Path) -> Iterator[tuple[Block, list[str]]]:
    for block in blocks(page, "sh"):
        for command in commands(block.text):
            yield block, command


@by_page
def test_every_command_of_ours_parses(page: Path) -> None:
    """`python -m flows …` as it stands in a block is accepted by the real parser."""
    for block, command in _scripts(page):
        given = arguments_of(command, "-m", "flows")
        if not given or given[0] in NOT_YET:
            continue
        parser, run = build(given[0])
        try:
            parser.parse_args(given)
        except SystemExit as stop:
            pytest.fail(f"{block}: {shlex.join(command)}") if stop.code else None
        assert run is not None or given[0].startswith("-"), f"{block}: {shlex.join(command)}"


@by_page
def test_every_module_and_make_target_exists(page: Path) -> None:
    for block, command in _scripts(page):
        if (given := arguments_of(command, "-m")) and given[0].partition(".")[0] in OURS:
            assert find_spec(given[0]) is not None, f"{block}: {given[0]}"
        for target in arguments_of(command, "make") or ():
            assert target in TARGETS or "=" in target, f"{block}: make {target}"
    for code in code_in_sentences(page):
        if match := re.match(r"(?:[A-Z_]+=\S+ )*make ([a-z]+)", code):
            assert match[1] in TARGETS, f"{page.name}: `{code}`"


@by_page
def test_commands_within_sentences_and_their_flags_exist(page: Path) -> None:
    for code in code_in_sentences(page):
        if (match := re.search(r"python -m flows ([a-z][a-z-]*)(.*)", code)) is None or match[1] in NOT_YET:
            continue
        parser, run = build(match[1])
        assert run is not None, f"{page.name}: `{code}`"
        known = _flags_of(parser, match[1])
        assert set(re.findall(r"--[a-z][a-z-]*", match[2])) <= known, f"{page.name}: `{code}`"


def _flags_of(parser: Any, command: str) -> set[str]:
    subparsers = next(each for each in parser._actions if each.dest == "command")
    return set(subparsers.choices[command]._option_string_actions)


@by_page
def test_every_path_exists(page: Path) -> None:
    """Paths into the project, in commands and in sentences; globs match something."""
    words = [(str(block), word) for block, command in _scripts(page) for word in command]
    words += [(page.name, code) for code in code_in_sentences(page)]
    for place, word in words:
        is_path = re.fullmatch(rf"({'|'.join(map(re.escape, OURS))})/[\w.*/-]*", word)
        if is_path and word not in MADE:
            assert list(ROOT.glob(word.rstrip("/"))), f"{place}: {word}"
    for name in re.findall(r"test_\w+\.py", text_of(page)):
        assert list(ROOT.glob(f"tests/**/{name}")), f"{page.name}: {name}"


@by_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{page.name}: {target}"


TOML = [block for page in PAGES for block in blocks(page, "toml")]


@pytest.mark.parametrize("block", TOML, ids=str)
def test_every_settings_block_is_accepted(block: Block) -> None:
    """As it stands, or, where it is a part, within the least that a file needs."""
    check(_within(MINIMAL, tomllib.loads(block.text)), ROOT / "stream.toml")


def _within(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Return the minimal file with the tables of a part in their places."""
    file = {**whole, **{name: value for name, value in part.items() if name not in whole}}
    if source := part.get("source"):
        file["source"] = source if "kind" in source else {**whole["source"], **source}
    if (letters := part.get("dead_letters")) and "properties" in letters and "kind" not in letters:
        file["dead_letters"] = {"kind": "kafka", "topic": "dead-letters", **letters}
    if syncs := part.get("sync"):
        # A table of a sync without [[sync]] above it reads as one table instead of a list.
        given = syncs if isinstance(syncs, list) else [syncs]
        file["sync"] = [_sync_within(whole["sync"][0], each) for each in given]
    return file


def _sync_within(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    choice = {"events", "event"} & part.keys()
    return {name: value for name, value in whole.items() if not (choice and name == "events")} | part
