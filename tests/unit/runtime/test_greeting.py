"""What a stream says to the person before whose terminal it starts."""

import io
from pathlib import Path

import pytest

from flows.runtime.greeting import collector_greeting, greet, greet_operator_of, greeting
from flows.settings.file import parse

SYNC = '[[sync]]\nname = "production"\nios_app_id = "id1"\ns2s_key = "env:KEY"\nevents = "all"\n'
KAFKA = '[source]\nkind = "kafka"\nbootstrap_servers = "k:9092"\ntopic = "amplitude"\n'
FILES = '[source]\nkind = "files"\npaths = ["a.zip"]\n'


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_says_what_is_read_where_it_goes_and_how_to_watch_it() -> None:
    said = " ".join(greeting(parse(KAFKA + SYNC, Path("/srv/stream.toml")), "http://127.0.0.1:9464"))
    for word in ("the topic amplitude at k:9092", "production", "python -m flows top", "9464/status", "Ctrl-C"):
        assert word in said
    said = " ".join(greeting(parse(FILES + SYNC, Path("/srv/stream.toml")), None))
    assert "/srv/a.zip" in said
    assert "health is off" in said


def test_where_nobody_sits_before_it_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """There standard error is for log lines alone. Nor where the stream soon ends by itself."""
    following = FILES + "follow = true\n"
    for source, stream, lines in (
        (KAFKA, io.StringIO(), 0),
        (KAFKA, _Terminal(), 2),
        (FILES, _Terminal(), 0),
        (following, _Terminal(), 2),
    ):
        monkeypatch.setattr("sys.stderr", stream)
        greet(parse(source + SYNC, Path("/srv/stream.toml")), None)
        assert len(stream.getvalue().splitlines()) == lines


def test_a_collector_says_where_clients_send_and_what_becomes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = parse('[source]\nkind = "inbox"\n[collector]\n' + SYNC, Path("/srv/stream.toml"))
    said = " ".join(collector_greeting("http://127.0.0.1:8090", inbox))
    for word in ("http://127.0.0.1:8090/2/httpapi", "/srv/inbox", "production", "Ctrl-C"):
        assert word in said
    without = parse('[source]\nkind = "inbox"\n[collector]\n', Path("/srv/stream.toml"))
    assert "no sync yet" in " ".join(collector_greeting("http://127.0.0.1:8090", without))
    monkeypatch.setattr("sys.stderr", pipe := io.StringIO())
    greet_operator_of("http://127.0.0.1:8090", inbox)
    assert pipe.getvalue() == ""
