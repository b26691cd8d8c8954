"""What a file or a member holds, told by its first bytes, and its reading with every failure put in plain words."""

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import Final

from typing_extensions import override

from connectors.files.damage import DamagedError, UnreadableError

GZIP_MAGIC: Final = b"\x1f\x8b"
ZIP_MAGICS: Final = (b"PK\x03\x04", b"PK\x05\x06")
_FOREIGN: Final = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a": "rar",
    b"PAR1": "Parquet",
    b"Obj\x01": "Avro",
    b"SQLite format 3": "SQLite",
    b"%PDF-": "PDF",
    b"\x89PNG": "PNG",
}
_TAR_MAGIC_AT: Final = 257
_READ_ERRORS: Final = (
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    NotImplementedError,
    ValueError,
)


ByteStream = io.BufferedReader | gzip.GzipFile | zipfile.ZipExtFile


_LONGEST_BYTE_BY_BYTE: Final = 1 << 20


class _FewSingleBytes(io.RawIOBase):
    """A stream for Python's gzip, which goes byte by byte through a header's name and through zeros at the end.

    An archive of a few megabytes may claim gigabytes of them, and the worker would be busy with it for hours.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._single_bytes = 0

    @override
    def read(self, size: int = -1) -> bytes:
        self._single_bytes = self._single_bytes + 1 if size == 1 else 0
        if self._single_bytes > _LONGEST_BYTE_BY_BYTE:
            raise gzip.BadGzipFile("a name or padding without end")
        return self._stream.read(size)


def open_lines(stream: ByteStream, name: str) -> Callable[[int], bytes]:
    """Return the reader of the lines in a stream, which may be gzipped.

    Raises UnreadableError if it is something else than lines, DamagedError if not even its first bytes can be read. The
    reader raises DamagedError where it cannot go on.
    """
    head = _head(stream)
    _refuse_foreign(head)
    if head.startswith(GZIP_MAGIC):
        stream = gzip.GzipFile(fileobj=_FewSingleBytes(stream))
        _refuse_foreign(_head(stream))
    elif name.lower().endswith((".gz", ".zip")) and not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        problem = "its name says that it is compressed, but its content is neither gzip, zip nor JSON"
        raise UnreadableError(problem if head else "it is empty")

    def read(size: int) -> bytes:
        try:
            return stream.read1(size)
        except _READ_ERRORS as error:
            raise DamagedError(problem_of(error)) from error

    return read


def problem_of(error: BaseException) -> str:
    """Say what went wrong in reading. Never repeats what the file holds, as some of Python's messages do."""
    match error:
        case EOFError():
            problem = "it is cut off before its end"
        case gzip.BadGzipFile() if str(error).startswith("Not a gzipped file"):
            problem = "after the end of its gzip data there are bytes that are no gzip data"
        case gzip.BadGzipFile() | zipfile.BadZipFile() if "CRC" in str(error) or "length" in str(error):
            problem = "its checksum is wrong: some of it has been changed or lost"
        case gzip.BadGzipFile() | zipfile.BadZipFile() | zlib.error() | lzma.LZMAError():
            problem = "its compressed data is damaged"
        case NotImplementedError():
            problem = "it is compressed by a method that is not supported; zip it again with the usual one (deflate)"
        case OSError(strerror=str(reason)):
            problem = f"it cannot be read: {reason}"
        case OSError():  # bz2's way to say it
            problem = "its compressed data is damaged"
        case _:
            problem = f"it cannot be read ({type(error).__name__})"
    return problem


def _head(stream: ByteStream) -> bytes:
    try:
        return stream.peek(512)
    except _READ_ERRORS as error:
        raise DamagedError(problem_of(error)) from error


def _refuse_foreign(head: bytes) -> None:
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            raise UnreadableError(f"it is a {kind} file; give it as JSON lines, plain, gzipped or zipped")
    if head.startswith(ZIP_MAGICS):
        raise UnreadableError("it is a zip within another archive; unpack the outer one")
    if head[_TAR_MAGIC_AT:].startswith(b"ustar"):
        raise UnreadableError("it is a tar archive; unpack it")
