"""The lines of one file, as Amplitude's Export API gives it: a zip of gzipped NDJSON, gzipped NDJSON, or plain NDJSON.

Which of them it is, is told by its content. Everything is streamed: memory is bounded by one line, whatever a file
claims about its size.
"""

import stat
import zipfile
from collections.abc import Callable, Iterator
from io import BufferedReader, FileIO
from pathlib import Path
from typing import NamedTuple, cast

import orjson

from connectors.files.content import ZIP_MAGICS, ByteStream, open_lines, problem_of
from connectors.files.counted import Amount, CountedFile
from connectors.files.damage import DamagedError, UnreadableError
from connectors.files.lines import CHUNK_BYTES, split_lines
from connectors.files.members import ZIP_ERRORS, Member, MemberScan, ZipReader, in_order
from connectors.files.natural import natural_key

_BOM = b"\xef\xbb\xbf"

OnDamage = Callable[[str | None, int | None, str], None]
"""Takes the member, the line and the problem of a damage."""


class Line(NamedTuple):
    """One line with something on it, without its end."""

    member: str | None
    """The member of a zip, else None."""
    number: int
    """Counted from 1 within its file or member; blank lines count."""
    value: bytes
    is_torn: bool = False
    """Whether it breaks off in the middle: the last one, which has no end and is no JSON."""


class ZipPlace:
    """Where in a zip the reading is: members that were added before it would be neither read nor told without it."""

    def __init__(self, member: str | None = None, count: int = 0) -> None:
        self.member = member
        self.count = count
        """How many members there are up to this one; 0 where that is not known."""

    def enter(self, member: str, count: int) -> None:
        """Take the member that is read now."""
        self.member, self.count = member, count


class Skipped(NamedTuple):
    """Bytes that were gone through without a line to show: a chance to do something else."""

    size_bytes: int


def read_archive(
    path: str,
    report: OnDamage,
    member: str | None = None,
    number: int = 1,
    amount: Amount | None = None,
    place: ZipPlace | None = None,
) -> Iterator[Line | Skipped]:
    """Yield the lines from line `number` of `member` on; members before it are not opened.

    What is read counts towards `amount`. `place` is the one that was kept of `member`, and is kept up to date.

    What cannot be read is given to `report` and skipped. Raises UnreadableError if nothing of the file can be read.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise UnreadableError("it is no regular file; to read the files of a directory write DIRECTORY/*")
        # Closed below; only the opening's own failures are meant here.
        file: BufferedReader = ZipReader(FileIO(path) if amount is None else CountedFile(path, amount))
    except (OSError, ValueError) as error:
        raise UnreadableError(problem_of(error)) from error
    with file:
        try:
            if file.peek(4).startswith(ZIP_MAGICS):
                yield from _zip_lines(file, report, member, number, place or ZipPlace())
            else:
                yield from _lines(file, path, None, number, report)
        except (DamagedError, OSError) as error:
            raise UnreadableError(str(error) if isinstance(error, DamagedError) else problem_of(error)) from error


def _zip_lines(
    file: BufferedReader, report: OnDamage, member: str | None, number: int, place: ZipPlace
) -> Iterator[Line | Skipped]:
    try:
        archive = zipfile.ZipFile(file)
    except ZIP_ERRORS as error:
        scan = MemberScan(file)
        for size_bytes in scan.run():
            yield Skipped(size_bytes)
        members = in_order(scan.found)
        problem = "it is a zip that was cut off or damaged: its table of contents cannot be read"
        if not members:
            raise UnreadableError(problem) from error
        report(None, None, f"{problem}; the members up to there are read")
        _tell_added(members, report, member, place)
        yield from _member_lines(
            members, lambda each: _open_without_directory(file, each), report, member, number, place
        )
    else:
        with archive:
            members = in_order((info, None) for info in archive.infolist())
            if not members:
                raise UnreadableError("it is a zip with no files in it")
            _tell_added(members, report, member, place)
            yield from _member_lines(members, lambda each: _open(archive, each), report, member, number, place)


def _open(archive: zipfile.ZipFile, member: Member) -> zipfile.ZipExtFile:
    # What `open` declares is wider than what it returns.
    return cast("zipfile.ZipExtFile", archive.open(member.info))


def _open_without_directory(file: BufferedReader, member: Member) -> zipfile.ZipExtFile:
    file.seek(member.data_offset or 0)
    return zipfile.ZipExtFile(file, "r", member.info)


def _tell_added(members: list[Member], report: OnDamage, member: str | None, place: ZipPlace) -> None:
    if member is None:
        return
    last = natural_key(member)
    count = sum(natural_key(each.name) <= last for each in members)
    if 0 < place.count < count:
        report(
            None,
            None,
            f"{count - place.count:,} of its members have been added before the one up to which it was read; they are "
            "not read: give them in a zip of another name",
        )
    place.enter(member, count)


def _member_lines(
    members: list[Member],
    open_member: Callable[[Member], zipfile.ZipExtFile],
    report: OnDamage,
    first_member: str | None,
    first_number: int,
    place: ZipPlace,
) -> Iterator[Line | Skipped]:
    for count, member in enumerate(members, 1):
        name = member.name
        if first_member is not None and natural_key(name) < natural_key(first_member):
            continue
        if member.is_encrypted:
            report(name, None, "it is encrypted; unpack it with its password")
            continue
        if not member.is_bounded:
            report(name, None, problem_of(NotImplementedError()))
            continue
        place.enter(name, count)
        try:
            with open_member(member) as stream:
                yield from _lines(stream, name, name, first_number if name == first_member else 1, report)
        except (DamagedError, UnreadableError) as error:
            report(name, None, str(error))
        except ZIP_ERRORS as error:
            report(name, None, problem_of(error))


def _lines(
    stream: ByteStream, name: str, member: str | None, first_number: int, report: OnDamage
) -> Iterator[Line | Skipped]:
    read = open_lines(stream, name)
    number = 0
    last = b"\n"
    try:
        for line in split_lines(read):
            if not line:
                yield Skipped(CHUNK_BYTES)
                continue
            last = line
            number += 1
            if number < first_number or line.isspace():
                yield Skipped(len(line))
                continue
            value = line.rstrip(b"\r\n")
            is_torn = not line.endswith(b"\n") and not _is_json(line)
            yield Line(member, number, value.removeprefix(_BOM) if number == 1 else value, is_torn)
    except DamagedError as error:
        report(member, number + 1 if last.endswith(b"\n") else number, f"{error}; nothing is read from here on")
        return
    if not last.endswith(b"\n") and number >= first_number and not _is_json(last):
        report(member, number, "its last line breaks off in the middle")


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        return False
    return True
