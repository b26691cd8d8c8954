"""What the pages hold: their fenced blocks, the commands in them, code within sentences, links and headings."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    sorted(
        [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "deploy/README.md", ROOT / "tests/chaos/README.md"],
        key=str,
    )
)

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"""('[^']*'|"(?:\\.|[^"\\])*")|(?:^|(?<=\s))\#[^\n]*""")
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_OPERATORS = "|&;<>()\n"


class Block(NamedTuple):
    """A fenced block."""

    page: Path
    line: int
    """Of its opening fence, counted from 1."""
    language: str
    text: str

    def __str__(self) -> str:
        """Print as `page:line`."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """Return the page's blocks, or those of one language, without the indentation that a list gives them."""
    text = text_of(page)
    found = []
    for match in _FENCE.finditer(text):
        inside = re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, match[2], inside))
    return [each for each in found if language is None or each.language == language]


def commands(script: str) -> Iterator[list[str]]:
    """Yield the simple commands of a shell script as words; pipes, lists and redirections part them."""
    script = _COMMENT.sub(lambda match: match[1] or "", script.replace("\\\n", " "))
    lexer = shlex.shlex(script, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    words: list[str] = []
    for word in lexer:
        if set(word) <= set(_OPERATORS):
            if words:
                yield words
            words = []
        else:
            words.append(word)
    if words:
        yield words


def arguments_of(command: list[str], *program: str) -> list[str] | None:
    """Return what follows `python -m PROGRAM` in a command, or after `PROGRAM`; None where it is another."""
    for place in range(len(command) - len(program) + 1):
        if command[place : place + len(program)] == list(program):
            return command[place + len(program) :]
    return None


def code_in_sentences(page: Path) -> list[str]:
    """Return what stands between backticks outside fenced blocks."""
    return _CODE.findall(_FENCE.sub("", text_of(page)))


def links(page: Path) -> list[str]:
    """Return the targets of the page's links."""
    return _LINK.findall(_FENCE.sub("", text_of(page)))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the page's headings."""
    headings = _HEADING.findall(_FENCE.sub("", text_of(page)))
    return {re.sub(r"[^\w\- ]", "", each.lower()).strip().replace(" ", "-") for each in headings}
