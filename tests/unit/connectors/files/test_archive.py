import contextlib
import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.files.archive import Line, read_archive
from connectors.files.damage import Damage, UnreadableError, source_name


class Reading(NamedTuple):
    """The lines of a file, and what of it could not be read."""

    lines: list[Line]
    damages: list[Damage]


def read(path: Path, content: bytes, member: str | None = None, number: int = 1) -> Reading:
    path.write_bytes(content)
    damages: list[Damage] = []
    lines = [
        line
        for line in read_archive(str(path), lambda *damage: damages.append(Damage("f", *damage)), member, number)
        if isinstance(line, Line)
    ]
    return Reading(lines, damages)


def problem(path: Path, content: bytes) -> str:
    with pytest.raises(UnreadableError) as raised:
        read(path, content)
    return str(raised.value)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def rows(hour: int, count: int) -> bytes:
    return b"".join(b'{"hour":%d,"row":%d}\n' % (hour, row) for row in range(1, count + 1))


def export(count: int = 200, hours: tuple[int, ...] = (10, 9, 23)) -> dict[str, bytes]:
    return {f"7/7_2024-01-01_{hour}#0.json.gz": gzip.compress(rows(hour, count)) for hour in hours}


def test_the_members_of_an_export_are_read_in_the_order_of_their_hours(tmp_path: Path) -> None:
    lines, damages = read(tmp_path / "export.zip", zipped(export(2)))
    assert [(line.member, line.number, line.value) for line in lines] == [
        (f"7/7_2024-01-01_{hour}#0.json.gz", row, b'{"hour":%d,"row":%d}' % (hour, row))
        for hour in (9, 10, 23)
        for row in (1, 2)
    ]
    assert damages == []


@pytest.mark.parametrize("name", ["rows.json", "rows.ndjson", "rows.json.gz", "rows.zip", "no-ending"])
@pytest.mark.parametrize("packed", [False, True])
def test_content_decides_what_a_file_is_and_not_its_name(tmp_path: Path, name: str, packed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    lines, damages = read(tmp_path / name, gzip.compress(rows(1, 3)) if packed else rows(1, 3))
    assert [line.number for line in lines] == [1, 2, 3]
    assert damages == []


def test_gzip_of_several_streams_is_read_to_its_end(tmp_path: Path) -> None:
    lines, damages = read(tmp_path / "a.gz", gzip.compress(rows(1, 2)) + gzip.compress(rows(2, 2)) + b"\0" * 512)
    assert len(lines) == 4
    assert damages == []


def test_byte_order_mark_and_line_ends_are_no_part_of_a_line_and_blank_lines_only_count(tmp_path: Path) -> None:
    lines, damages = read(tmp_path / "a.json", b'\xef\xbb\xbf{"a":1}\r\n\r\n \t\n{"b":"\xef\xbb\xbf"}\n\n')
    assert lines == [Line(None, 1, b'{"a":1}'), Line(None, 4, b'{"b":"\xef\xbb\xbf"}')]
    assert damages == []


def test_a_whole_last_line_without_end_is_a_line_like_any_other(tmp_path: Path) -> None:
    lines, damages = read(tmp_path / "a.json", b'{"a":1}\n{"b":2}')
    assert [line.value for line in lines] == [b'{"a":1}', b'{"b":2}']
    assert damages == []


def test_a_half_written_last_line_is_a_line_and_reported(tmp_path: Path) -> None:
    lines, damages = read(tmp_path / "a.json", b'{"a":1}\n{"b":2')
    assert [line.value for line in lines] == [b'{"a":1}', b'{"b":2']
    assert damages == [Damage("f", None, 2, "its last line breaks off in the middle")]


def test_a_broken_line_in_the_middle_is_left_to_decode(tmp_path: Path) -> None:
    lines, damages = read(tmp_path / "a.json", b'\x00\xff\x80\n{"a":NaN}\n{"b":2}\n')
    assert [line.value for line in lines] == [b"\x00\xff\x80", b'{"a":NaN}', b'{"b":2}']
    assert damages == []


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_truncated_gzip_gives_what_is_there_and_says_from_which_line_on_it_is_not(tmp_path: Path, cut: int) -> None:
    content = gzip.compress(rows(1, 3), 0)  # stored, so that each byte that is cut is a byte of a line
    lines, damages = read(tmp_path / "a.json.gz", content[:-cut])
    found = b"\n".join(line.value for line in lines)
    assert rows(1, 3).startswith(found)
    assert len(found) >= len(rows(1, 3)) - cut
    assert [damage.line for damage in damages] in ([len(lines)], [len(lines) + 1])
    assert "cut off" in damages[0].problem


def test_a_wrong_checksum_is_reported_after_the_lines(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(rows(1, 3)))
    content[-8] ^= 1
    lines, damages = read(tmp_path / "a.gz", bytes(content))
    assert len(lines) == 3
    assert [(damage.line, "checksum" in damage.problem) for damage in damages] == [(4, True)]


def test_a_damaged_member_costs_no_other_member(tmp_path: Path) -> None:
    members = export(hours=(1, 3))
    content = bytearray(gzip.compress(rows(2, 200)))
    content[len(content) // 2] ^= 0xFF
    lines, damages = read(tmp_path / "a.zip", zipped(members | {"7/7_2024-01-01_2#0.json.gz": bytes(content)}))
    whole = [line for line in lines if line.member in members]
    assert len(whole) == 400
    assert [damage.member for damage in damages] == ["7/7_2024-01-01_2#0.json.gz"]


def test_a_member_that_is_something_else_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    members = {
        "a/1.json": rows(1, 1),
        "a/2.zip": zipped({"x": b"y"}),
        "a/3.json.gz": b"<html>503</html>",
        "a/4.json.gz": b"",
        "a/5.json.bz2": b"BZh91AY&SY",
        "a/6.json": rows(6, 1),
        "__MACOSX/a/._1.json": b"\0\5\x16\7",
    }
    lines, damages = read(tmp_path / "a.zip", zipped(members))
    assert [line.member for line in lines] == ["a/1.json", "a/6.json"]
    assert [damage.member for damage in damages] == ["a/2.zip", "a/3.json.gz", "a/4.json.gz", "a/5.json.bz2"]


def test_an_encrypted_member_is_reported(tmp_path: Path) -> None:
    content = bytearray(zipped({"1.json": rows(1, 1), "2.json": rows(2, 1)}))
    for magic, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + flags_at] |= 1  # of the first member
    lines, damages = read(tmp_path / "a.zip", bytes(content))
    assert [line.member for line in lines] == ["2.json"]
    assert [(damage.member, "encrypted" in damage.problem) for damage in damages] == [("1.json", True)]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_the_same_name_keep_different_positions(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for hour in (1, 2):
            archive.writestr("same.json", rows(hour, 1))
    lines, damages = read(tmp_path / "a.zip", packed.getvalue())
    assert [(line.member, line.value) for line in lines] == [
        ("same.json", b'{"hour":1,"row":1}'),
        ("same.json (2)", b'{"hour":2,"row":1}'),
    ]
    assert damages == []


class _Pipe(io.RawIOBase):
    """Cannot seek: a zip written to it has its sizes after the data, as one that a server sends while making it."""

    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # zipfile writes bytes only
        self.content += data
        return len(data)


def streamed(members: dict[str, bytes]) -> bytes:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return pipe.content


@pytest.mark.parametrize("kind", ["seekable", "stored", "streamed"])
def test_of_a_truncated_zip_the_members_before_the_cut_are_read(tmp_path: Path, kind: str) -> None:
    members = export(200, (1, 2, 3))
    content = {
        "seekable": zipped(members),
        "stored": zipped(members, zipfile.ZIP_STORED),
        "streamed": streamed(members),
    }[kind]
    third = content.rindex(b"PK\x03\x04")
    lines, damages = read(tmp_path / "a.zip", content[: third + 400])
    assert {line.member for line in lines[:400]} == set(list(members)[:2])
    assert [damage.member for damage in damages] == [None, "7/7_2024-01-01_3#0.json.gz"]
    assert "cut off" in damages[0].problem
    resumed, _ = read(tmp_path / "a.zip", content[: third + 400], "7/7_2024-01-01_2#0.json.gz", 101)
    assert resumed == lines[300:]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40), st.integers(0), st.integers(0, 60))
def test_whatever_is_wrong_with_a_zip_reading_it_ends(tmp_path: Path, junk: bytes, place: int, cut: int) -> None:
    content = zipped(export(3, (1, 2)))
    place %= len(content)
    damaged = content[:place] + junk + content[place + len(junk) :]
    lines: list[Line] = []
    with contextlib.suppress(UnreadableError):
        lines, _ = read(tmp_path / "a.zip", damaged[: len(damaged) - cut])
    assert len({(line.member, line.number) for line in lines}) == len(lines)


@pytest.mark.parametrize("cut", [0, 30])
def test_a_zip_of_too_many_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(8):
            archive.writestr(f"{number}.json", b'{"a":1}\n')
    path.write_bytes(path.read_bytes()[: -cut or None])
    monkeypatch.setattr("connectors.files.members.MOST_MEMBERS", 8)
    assert len([each for each in read_archive(str(path), lambda *_: None) if isinstance(each, Line)]) == 8
    monkeypatch.setattr("connectors.files.members.MOST_MEMBERS", 7)
    with pytest.raises(UnreadableError, match=r"more than 7 files in it.*pack its files into several zips"):
        list(read_archive(str(path), lambda *_: None))


def test_a_table_of_contents_without_measure_is_not_taken_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.zip"
    entries_bytes = (1 << 25) + 1
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(4 + entries_bytes)
        file.seek(0, 2)
        file.write(struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 9, 9, entries_bytes, 4, 0))
    with pytest.raises(UnreadableError, match="a table of contents of more than 32 MB"):
        list(read_archive(str(path), lambda *_: None))


def test_a_zip_bomb_is_gone_through_in_steps(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    path.write_bytes(zipped({"1.json": b"\0" * 30_000_000 + b"\n" + rows(1, 1)}))
    assert path.stat().st_size < 50_000
    steps = list(read_archive(str(path), lambda *_: None))
    lines = [step for step in steps if isinstance(step, Line)]
    assert [(line.number, len(line.value)) for line in lines] == [(1, 16 * 1024 * 1024), (2, 18)]
    assert len(steps) > 400


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("cut", [0, 30])
def test_what_cannot_be_unpacked_in_steps_is_refused(tmp_path: Path, method: int, cut: int) -> None:
    """A kilobyte of bzip2 would become gigabytes of memory at once. The same where the table of contents is cut off."""
    packed = zipped({"1.json": b"\0" * 200_000_000}, method)
    lines, damages = read(tmp_path / "a.zip", packed[: len(packed) - cut])
    assert lines == []
    assert damages[-1].member == "1.json"
    assert "not supported" in damages[-1].problem


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08\x08" + b"a" * 3_000_000, gzip.compress(b"") + b"\0" * 3_000_000])
def test_what_python_reads_byte_by_byte_has_an_end(tmp_path: Path, content: bytes) -> None:
    """The name in a gzip header, and zeros after the end: in a zip, ten megabytes may claim ten gigabytes of them."""
    lines, damages = read(tmp_path / "a.zip", zipped({"1.json.gz": content, "2.json": rows(2, 1)}))
    assert [line.member for line in lines] == ["2.json"]
    assert [(damage.member, "damaged" in damage.problem) for damage in damages] == [("1.json.gz", True)]


def test_zeros_after_the_end_of_gzip_are_padding(tmp_path: Path) -> None:
    assert len(read(tmp_path / "a.gz", gzip.compress(rows(1, 2)) + b"\0" * 10_000).lines) == 2


def test_nothing_of_an_unreadable_file_can_be_read_and_it_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    assert "no files in it" in problem(path, zipped({}))
    assert "table of contents" in problem(path, zipped({"1.json": b""})[:20])
    assert "empty" in problem(path, b"")
    assert "neither gzip, zip nor JSON" in problem(path, b"<html>")
    assert "Parquet" in problem(path, b"PAR1....")
    assert "tar" in problem(path, gzip.compress(b"x" * 257 + b"ustar\0"))
    assert "damaged" in problem(path, b"\x1f\x8bnonsense")
    path.unlink()
    with pytest.raises(UnreadableError, match="No such file"):
        list(read_archive(str(path), lambda *_: None))
    with pytest.raises(UnreadableError, match="no regular file"):
        list(read_archive(str(tmp_path), lambda *_: None))


def test_an_empty_plain_file_holds_no_events_and_is_no_damage(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", b"") == ([], [])


@pytest.mark.parametrize("member", [1, 2, 3])
@pytest.mark.parametrize("number", [1, 2, 200, 201])
def test_reading_resumes_at_the_very_line(tmp_path: Path, member: int, number: int) -> None:
    content = zipped(export(200, (1, 2, 3)))
    whole, _ = read(tmp_path / "a.zip", content)
    resumed, damages = read(tmp_path / "a.zip", content, f"7/7_2024-01-01_{member}#0.json.gz", number)
    assert resumed == whole[(member - 1) * 200 + number - 1 :]
    assert damages == []


def test_members_before_the_place_to_resume_are_not_opened(tmp_path: Path) -> None:
    content = bytearray(zipped(export(3, (1, 2)), zipfile.ZIP_STORED))
    content[60:90] = bytes(30)
    lines, damages = read(tmp_path / "a.zip", bytes(content), "7/7_2024-01-01_2#0.json.gz", 1)
    assert len(lines) == 3
    assert damages == []


def test_a_compression_that_is_not_supported_is_named_in_words(tmp_path: Path) -> None:
    content = bytearray(zipped({"1.json": rows(1, 9)}))
    for magic, method_at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", content, content.index(magic) + method_at, 97)
    _, damages = read(tmp_path / "a.zip", bytes(content))
    assert [damage.member for damage in damages] == ["1.json"]
    assert "not supported" in damages[0].problem


def test_problems_never_repeat_the_content(tmp_path: Path) -> None:
    _, damages = read(tmp_path / "a.gz", gzip.compress(rows(1, 1)) + b"SECRET")
    assert damages
    assert "SECRET" not in str(damages)
    assert "SE" not in damages[0].problem


def test_source_names_fit_on_one_line_of_any_file() -> None:
    assert source_name("/a/b.zip", "c\nd") == "/a/b.zip!c\\u000ad"
    assert source_name(b"/a/\xff".decode("utf-8", "surrogateescape")).encode() == b"/a/\\udcff"
    assert str(Damage("/a", "b", 3, "it is cut off")) == "/a!b, line 3: it is cut off"
