"""The members of a zip in natural order, also of one whose table of contents was cut off by a broken download."""

import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from io import BufferedReader
from typing import BinaryIO, Final, NamedTuple

from typing_extensions import override

from connectors.files.damage import UnreadableError
from connectors.files.lines import CHUNK_BYTES
from connectors.files.natural import natural_key

ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    NotImplementedError,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
    struct.error,
)
"""What `zipfile` raises for the archives that are not as they should be."""

MOST_MEMBERS: Final = 100_000
"""A year of hours has 8,760. What `zipfile` keeps of this many takes some 100 MB."""
_MOST_DIRECTORY_BYTES: Final = 1 << 25
_ENTRY_MAGIC: Final = b"PK\x01\x02"

# PKWARE, .ZIP File Format Specification, 4.3.7: the local file header, without name and extra field.
_LOCAL_HEADER: Final = struct.Struct("<4s5H3I2H")
_LOCAL_MAGIC: Final = b"PK\x03\x04"
_ENCRYPTED: Final = 0x1
_SIZE_FOLLOWS: Final = 0x8
_UTF8_NAME: Final = 0x800
_ZIP64_SIZE: Final = 0xFFFFFFFF
_MAX_DESCRIPTOR_BYTES: Final = 24
_UNKNOWN_SIZE: Final = 1 << 62


class Member(NamedTuple):
    """One file in a zip."""

    name: str
    """Unique within the zip."""
    info: zipfile.ZipInfo
    data_offset: int | None = None
    """Where its bytes begin, if that is not to be had from the table of contents."""

    @property
    def is_encrypted(self) -> bool:
        """Whether it takes a password to read it."""
        return bool(self.info.flag_bits & _ENCRYPTED)

    @property
    def is_bounded(self) -> bool:
        """Whether it can be unpacked a piece at a time: of bzip2 and LZMA `zipfile` unpacks gigabytes at once."""
        return self.info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def in_order(infos: Iterable[tuple[zipfile.ZipInfo, int | None]]) -> list[Member]:
    """Return the members in natural order. Names that occur more than once are told apart: positions must be unique."""
    seen: Counter[str] = Counter()
    members = []
    for info, data_offset in infos:
        name = info.filename
        # What macOS adds to a zip are not the user's files.
        if name.endswith(("/", ".DS_Store")) or name.startswith("__MACOSX/"):
            continue
        seen[name] += 1
        members.append(Member(name if seen[name] == 1 else f"{name} ({seen[name]})", info, data_offset))
    return sorted(members, key=lambda member: natural_key(member.name))


class ZipReader(BufferedReader):
    """A zip for `zipfile`, which takes in a table of contents of any size at once: this refuses one without measure."""

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        """Raise UnreadableError where the table of contents is too large."""
        if size is not None and size > _MOST_DIRECTORY_BYTES:
            raise too_many()
        found = super().read(size)
        if found.startswith(_ENTRY_MAGIC) and found.count(_ENTRY_MAGIC) > MOST_MEMBERS:
            raise too_many()
        return found


def too_many() -> UnreadableError:
    """Return what is said of a zip with more members than are taken in."""
    return UnreadableError(
        f"it is a zip with more than {MOST_MEMBERS:,} files in it, or a table of contents of more than "
        f"{_MOST_DIRECTORY_BYTES >> 20} MB; unpack it, or pack its files into several zips"
    )


class MemberScan:
    """Finds the members of a zip without a table of contents, by the header that precedes each.

    Let `run` come to its end; then `found` holds the members' `ZipInfo` and the offset of their data. Of the last one
    some may be missing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.found: list[tuple[zipfile.ZipInfo, int | None]] = []

    def run(self) -> Iterator[int]:
        """Yield how many bytes were gone through since the last time."""
        offset: int | None = 0
        while offset is not None:
            self._file.seek(offset)
            header = self._file.read(_LOCAL_HEADER.size)
            if len(header) < _LOCAL_HEADER.size or not header.startswith(_LOCAL_MAGIC):
                return
            _, _, flags, method, _, _, _, size_bytes, _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
            name = self._file.read(name_bytes).decode("utf-8" if flags & _UTF8_NAME else "cp437", "replace")
            info = zipfile.ZipInfo(name)
            info.flag_bits, info.compress_type, info.file_size = flags, method, _UNKNOWN_SIZE
            if len(self.found) >= MOST_MEMBERS:
                raise too_many()
            start = offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
            self.found.append((info, start))
            info.compress_size = _UNKNOWN_SIZE
            if not flags & _SIZE_FOLLOWS and size_bytes != _ZIP64_SIZE:
                info.compress_size = size_bytes
                if method == zipfile.ZIP_STORED:
                    info.file_size = size_bytes
                offset = start + size_bytes
                yield _LOCAL_HEADER.size
            elif method == zipfile.ZIP_DEFLATED:
                offset = yield from self._end_of_deflated(start)
            else:
                # Its end is not marked, so that neither it nor what follows can be told apart.
                self.found.pop()
                return

    def _end_of_deflated(self, start: int) -> Generator[int, None, int | None]:
        """Return where the next member's header begins; None if there is none, or the data is damaged before."""
        self._file.seek(start)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        while not inflater.eof:
            packed = inflater.unconsumed_tail or self._file.read(CHUNK_BYTES)
            if not packed:
                return None
            try:
                # The bound keeps a member that inflates a thousandfold from taking as much memory.
                yield 1 + len(inflater.decompress(packed, CHUNK_BYTES))
            except zlib.error:
                return None
        end = self._file.tell() - len(inflater.unused_data)
        self._file.seek(end)
        descriptor_bytes = self._file.read(_MAX_DESCRIPTOR_BYTES + len(_LOCAL_MAGIC)).find(_LOCAL_MAGIC)
        return None if descriptor_bytes < 0 else end + descriptor_bytes
