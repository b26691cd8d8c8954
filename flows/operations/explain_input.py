"""What `explain` reads: stdin, files, archives; an event, several, or dead letters' own lines."""

import codecs
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

from connectors.files.archive import Line, Skipped, read_archive
from connectors.files.counted import Amount
from connectors.files.damage import Damage, UnreadableError, source_name
from connectors.files.dead_letters import stored_line
from flows.operations.documents import Document, documents

STDIN_PATH: Final = "-"
_TORN: Final = "its last line breaks off in the middle"
_LETTER: Final = b'{"value":'


class Given(NamedTuple):
    """One value to explain."""

    file: str | None
    """None is stdin."""
    line: int
    value: bytes


def read_all(
    paths: Sequence[str], stdin: IO[bytes], on_damage: Callable[[Damage], None], amount: Amount | None = None
) -> Iterator[Given]:
    """Yield what the files hold, stdin where none is named; tell of what cannot be read, and go on.

    What is read of files counts towards `amount`.
    """
    amount = amount or Amount()
    amount.expect(path for path in paths if path != STDIN_PATH)
    for path in paths or (STDIN_PATH,):
        amount.begin(path)
        try:
            if path == STDIN_PATH:
                yield from _given(None, documents(_numbered(stdin)))
            elif _is_stream(path):
                with Path(path).open("rb") as file:
                    yield from _given(path, documents(_numbered(file)))
            else:
                yield from _archive(path, on_damage, amount)
        except UnreadableError as error:
            on_damage(Damage(path, None, None, str(error)))
        except OSError as error:
            on_damage(Damage(path, None, None, f"it cannot be read: {error.strerror}"))
        amount.end()


def _is_stream(path: str) -> bool:
    """Return whether it is a pipe, such as the shell's <(…)."""
    try:
        return stat.S_ISFIFO(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False  # said by who opens it


def _archive(path: str, on_damage: Callable[[Damage], None], amount: Amount) -> Iterator[Given]:
    told: list[Damage] = []
    lines = read_archive(
        path, lambda member, line, problem: told.append(Damage(path, member, line, problem)), amount=amount
    )
    member: str | None = None
    ahead: list[Line] = []

    def of_member() -> Iterator[tuple[int, bytes]]:
        while ahead:
            yield (each := ahead.pop()).number, each.value
        for line in lines:
            if isinstance(line, Skipped):
                continue
            if line.member != member:
                ahead.append(line)
                return
            yield line.number, line.value

    while True:
        last = None
        for document in documents(of_member()):
            last = document
            yield from _given(source_name(path, member), [document])
        # Of a document over several lines the last one is no JSON by itself: nothing is torn.
        for damage in told:
            if not (damage.problem == _TORN and last is not None and last.is_whole):
                on_damage(damage)
        told.clear()
        if not ahead:
            return
        member = ahead[0].member


def _numbered(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(stream, start=1):
        value = line.rstrip(b"\r\n").removeprefix(codecs.BOM_UTF8 if number == 1 else b"")  # as the files source does
        if value.strip():
            yield number, value


def _given(file: str | None, found: Iterable[Document]) -> Iterator[Given]:
    for document in found:
        letter = stored_line(document.value) if document.value.startswith(_LETTER) else None
        yield Given(file, document.line, document.value if letter is None else letter.value)
