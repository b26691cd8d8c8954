"""Secrets are read late, again when they change, and never shown."""

import os
from pathlib import Path

import pytest

from connectors.secrets import Secret, SecretError, SecretRef, read_secret, resolve_properties

NAME = "STREAM_TEST_SECRET"


def file_secret(path: Path, content: bytes) -> Secret:
    path.write_bytes(content)
    return Secret(SecretRef("file", str(path)))


def test_a_variable_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " abc\n")
    secret = Secret(SecretRef("env", NAME))
    assert secret.value() == "abc"
    monkeypatch.setenv(NAME, "other")
    assert secret.value() == "abc"


def test_a_file_is_read_again_when_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "key"
    secret = file_secret(path, b"first\n")
    assert secret.value() == "first"
    path.write_text("second")
    assert secret.value() == "second"


def test_a_file_is_read_again_when_it_was_replaced(tmp_path: Path) -> None:
    """As Kubernetes does it: another file under the same name, of the same size and time."""
    path = tmp_path / "key"
    secret = file_secret(path, b"aaaa")
    assert secret.value() == "aaaa"
    status = path.stat()
    other = tmp_path / "other"
    other.write_bytes(b"bbbb")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)
    assert secret.value() == "bbbb"


def test_a_file_that_has_not_changed_is_not_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = file_secret(tmp_path / "key", b"abc")
    assert secret.value() == "abc"
    monkeypatch.setattr(Path, "open", None)
    assert secret.value() == "abc"


def test_a_new_value_that_cannot_be_used_is_an_error_each_time(tmp_path: Path) -> None:
    path = tmp_path / "key"
    secret = file_secret(path, b"good")
    assert secret.value() == "good"
    path.write_bytes(b"not good")
    for _ in range(2):
        with pytest.raises(SecretError):
            secret.value()
    path.write_bytes(b"better")
    assert secret.value() == "better"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"  ",
        b"S3CR3T b",
        b"S3CR3T\r\nx: y",
        "S3CR3Té".encode(),
        b"S3CR3T\xff",
        b"S3CR3T\x00",
        b"S3CR3T" * 20000,
    ],
)
def test_what_could_break_a_header_is_refused_without_being_shown(content: bytes, tmp_path: Path) -> None:
    secret = file_secret(tmp_path / "key", content)
    with pytest.raises(SecretError) as caught:
        secret.value()
    assert str(tmp_path / "key") in str(caught.value)
    assert "S3CR3T" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_missing_place_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    with pytest.raises(SecretError, match=NAME):
        Secret(SecretRef("env", NAME)).value()
    with pytest.raises(SecretError, match="absent"):
        Secret(SecretRef("file", str(tmp_path / "absent"))).value()


def test_neither_str_nor_repr_shows_it(tmp_path: Path) -> None:
    secret = file_secret(tmp_path / "key", b"S3CR3T")
    assert secret.value() == "S3CR3T"
    assert "S3CR3T" not in f"{secret} {secret!r}"


def test_kafka_properties_are_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password may hold blanks; a key in PEM has line breaks."""
    monkeypatch.setenv(NAME, "pass word")
    (tmp_path / "key.pem").write_text("-----BEGIN\nabc\n-----END\n")
    given = [("sasl.password", f"env:{NAME}"), ("ssl.key.pem", f"file:{tmp_path}/key.pem"), ("client.id", "a:b")]
    assert resolve_properties(given) == {
        "sasl.password": "pass word",
        "ssl.key.pem": "-----BEGIN\nabc\n-----END",
        "client.id": "a:b",
    }


def test_a_missing_kafka_secret_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    with pytest.raises(SecretError, match=NAME):
        resolve_properties([("sasl.password", f"env:{NAME}")])


def test_reading_takes_off_the_line_break_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " a \r\n")
    assert read_secret(SecretRef("env", NAME)) == " a "


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (str(pipe), "/dev/zero", "/dev/null"):
        with pytest.raises(SecretError, match=rf"file {place} cannot be read .* a regular file"):
            Secret(SecretRef("file", place)).value()
        with pytest.raises(SecretError, match="not a regular file"):
            resolve_properties([("sasl.password", f"file:{place}")])


def test_a_huge_file_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SecretError, match="is over 65,536 bytes"):
        Secret(SecretRef("file", str(huge))).value()
