"""`python -m flows check`: what is fine, what is not, and the exit code that says which."""

import contextlib
import json
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.appsflyer.sandbox.certificate import server_context
from connectors.finding import Mark
from connectors.kafka.check import keyed
from connectors.kafka.probe import Keying, keying
from flows.commands.main import main
from flows.domain.event import Record
from flows.runtime.environment import take_out

FILES = '[source]\nkind = "files"\npaths = ["*.json"]\n'
SYNC = """
[[sync]]
name = "production"
ios_app_id = "id1"
ios_bundle_id = "com.example"
s2s_key = "env:STREAM_TEST_KEY"
events = "all"
"""


class Listener:
    """Accepts connections, over TLS or not, and keeps what is sent to it."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.received: queue.Queue[bytes] = queue.Queue()
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # a failed handshake, or the end of the test
            while True:
                connection, _ = self._socket.accept()
                connection.settimeout(5)
                with connection, contextlib.suppress(OSError):
                    if self._context is None:
                        self.received.put(connection.recv(1000))
                    else:
                        with self._context.wrap_socket(connection, server_side=True) as secured:
                            self.received.put(secured.recv(1000))

    def close(self) -> None:
        """Stop accepting and wait for the thread."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def appsflyer() -> Iterator[Listener]:
    """What stands where AppsFlyer would."""
    listener = Listener(None)
    yield listener
    listener.close()


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Listener]:
    """As `appsflyer`, over TLS; tmp_path/tls/ca.pem verifies it."""
    listener = Listener(server_context(tmp_path / "tls", "127.0.0.1"))
    yield listener
    listener.close()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give the key, and a directory with one archive."""
    monkeypatch.setenv("STREAM_TEST_KEY", "S3CR3T")
    monkeypatch.setenv("STREAM_SETTINGS", "")
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text("")


def delivery(url: str, *more: str) -> str:
    return "\n".join(["[delivery]", f'endpoint = "{url}"', *more, ""])


def checked(text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Return the exit code and the checklist."""
    Path("stream.toml").write_text(text)
    code = main(["check"])
    said = capsys.readouterr().out
    assert "S3CR3T" not in said
    return code, said.splitlines()


def test_all_is_fine(appsflyer: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = checked(FILES + delivery(f"http://127.0.0.1:{appsflyer.port}") + SYNC, capsys)
    assert code == 0
    assert {line[0] for line in lines} == {"✓"}
    assert "✓ sync[production].s2s_key: there is a key in env:STREAM_TEST_KEY" in lines
    assert "✓ sync[production]: iOS id1" in lines


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("STREAM_TEST_KEY", "✓ erasure.api_token: there is a token in env:STREAM_TEST_KEY"),
        ("ABSENT_TOKEN", "! erasure.api_token: environment variable ABSENT_TOKEN is not set"),
    ],
)
def test_a_token_that_only_forget_needs_keeps_nobody_from_starting(
    appsflyer: Listener, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    erasure = f'[erasure]\napi_token = "env:{name}"\n'
    code, lines = checked(FILES + delivery(f"http://127.0.0.1:{appsflyer.port}") + erasure + SYNC, capsys)
    assert code == 0
    assert any(line.startswith(said) for line in lines), lines


def test_no_byte_is_sent_to_appsflyer(appsflyer: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    checked(FILES + delivery(f"http://127.0.0.1:{appsflyer.port}") + SYNC, capsys)
    assert appsflyer.received.get(timeout=10) == b""


def test_tls_is_verified(secured: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"https://127.0.0.1:{secured.port}"
    code, lines = checked(FILES + delivery(url) + SYNC, capsys)
    assert code == 1
    assert lines[-1].startswith(f"✗ delivery.endpoint: {url} is not reached (")
    code, lines = checked(FILES + delivery(url, 'ca_file = "tls/ca.pem"') + SYNC, capsys)
    assert (code, lines[-1]) == (0, f"✓ delivery.endpoint: {url} is reached over TLS; no event was sent")


def test_wrong_settings_are_2_and_every_mistake_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = checked(FILES + "[window]\nmax_event = 1\nmax_wait_ms = 0\n" + SYNC, capsys)
    assert code == 2
    assert [line.split(": ")[:2] for line in lines] == [
        ["✗ stream.toml", "window.max_wait_ms"],
        ["✗ stream.toml", "window.max_event"],
    ]


def test_a_missing_key_is_2_even_if_something_else_is_not_reached(capsys: pytest.CaptureFixture[str]) -> None:
    text = FILES + delivery("http://127.0.0.1:1") + SYNC.replace("TEST_KEY", "TEST_ABSENT")
    code, lines = checked(text, capsys)
    assert code == 2
    assert next(line for line in lines if line[0] == "✗") == (
        "✗ sync[production].s2s_key: environment variable STREAM_TEST_ABSENT is not set or empty; set it to the key"
    )


def test_a_sync_that_is_off_needs_no_key_beside_one_that_is_on(
    appsflyer: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    off = SYNC.replace("production", "next").replace("TEST_KEY", "TEST_ABSENT") + "enabled = false\n"
    text = FILES + delivery(f"http://127.0.0.1:{appsflyer.port}")
    assert checked(text + SYNC + off, capsys)[0] == 0
    assert checked(text + off, capsys)[0] == 2


def test_unreachable_is_1_and_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = checked(FILES + delivery("http://127.0.0.1:1") + SYNC, capsys)
    assert code == 1
    assert lines[-1].startswith("✗ delivery.endpoint: http://127.0.0.1:1 is not reached (")
    assert lines[-1].endswith("; allow the way out in the firewall, or see endpoint, proxy and ca_file in [delivery]")


def test_proxies_in_the_environment_are_not_used(
    appsflyer: Listener, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert checked(FILES + delivery(f"http://127.0.0.1:{appsflyer.port}") + SYNC, capsys)[0] == 0


def test_no_archive_is_1(appsflyer: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.json").unlink()
    code, lines = checked(FILES + delivery(f"http://127.0.0.1:{appsflyer.port}") + SYNC, capsys)
    assert code == 1
    do = "fetch archives (`python -m flows pull`), put them there, or correct it"
    assert [line for line in lines if line[0] == "✗"] == [f"✗ source.paths: {Path.cwd()}/*.json: nothing there; {do}"]


def test_a_missing_ca_file_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = checked(FILES + delivery("https://127.0.0.1:1", 'ca_file = "absent.pem"') + SYNC, capsys)
    assert code == 2
    assert "delivery.ca_file" in lines[-1]


def test_a_directory_that_cannot_be_made_is_2(appsflyer: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    text = FILES + delivery(f"http://127.0.0.1:{appsflyer.port}") + '[state]\ndirectory = "a.json/state"\n' + SYNC
    code, lines = checked(text, capsys)
    assert code == 2
    assert [line[:1] for line in lines if "state.directory" in line] == ["✗"]


KAFKA = '[source]\nkind = "kafka"\nbootstrap_servers = "127.0.0.1:1"\ntopic = "amplitude"\n'


def test_an_unreachable_kafka_is_1(appsflyer: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = checked(KAFKA + delivery(f"http://127.0.0.1:{appsflyer.port}") + SYNC, capsys)
    assert code == 1
    (line,) = (line for line in lines if line[0] == "✗")
    assert line.startswith("✗ source.bootstrap_servers: no use of Kafka at 127.0.0.1:1 (")


@pytest.mark.parametrize(
    "properties", ['"no.such.property" = 1', '"security.protocol" = "no"', '"sasl.password" = "env:STREAM_TEST_ABSENT"']
)
def test_properties_that_librdkafka_does_not_take_are_2(
    properties: str, appsflyer: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    text = KAFKA + f"[source.properties]\n{properties}\n" + delivery(f"http://127.0.0.1:{appsflyer.port}") + SYNC
    code, lines = checked(text, capsys)
    assert code == 2
    assert next(line for line in lines if line[0] == "✗").startswith("✗ source.properties: ")


def record(partition: int, key: str | None, user: str | None, device: str | None = None) -> Record:
    value = json.dumps({"event_type": "x", "user_id": user, "device_id": device}).encode()
    return Record(value, None if key is None else key.encode(), "t", partition, 0, 0)


def test_keying_counts_users_that_are_on_several_partitions() -> None:
    records = [
        record(0, "ann", "ann"),
        record(1, "bob", "bob", "phone"),
        record(0, "bob", "bob", "phone"),
        record(1, "tablet", None, "tablet"),
        record(1, None, "ann-2"),
        Record(b"junk", b"ann", "t", 3, 0, 0),
    ]
    assert keying(records) == Keying(events=5, keyed=4, users=4, users_on_several=1, messages=5, keyless=1)


def body(partition: int, key: str | None, *users: str) -> Record:
    events = [{"event_type": "x", "user_id": each} for each in users]
    value = json.dumps({"api_key": "k", "events": events}).encode()
    return Record(value, None if key is None else key.encode(), "t", partition, 0, 0)


def test_keying_sees_upload_bodies_of_several_users_and_keys_that_are_devices() -> None:
    """A body of one user may have that user's key; one of several cannot."""
    records = [
        body(0, "ann", "ann", "ann"),
        body(1, "server-1", "bob", "carl"),
        body(2, None, "dora"),
        body(2, None),
        record(3, "phone", "emil", "phone"),
        record(3, "emil-2", "emil-2", "emil-2"),
        record(3, "tablet", None, "tablet"),
    ]
    assert keying(records) == Keying(
        events=8, keyed=4, users=7, users_on_several=0, messages=6, keyless=1, mixed=1, keyed_by_device=1
    )


def test_a_device_is_no_user_of_the_same_name() -> None:
    assert keying([record(0, "a", "a"), record(1, "a", None, "a")]).users_on_several == 0


@pytest.mark.parametrize(
    ("partitions", "seen", "mark"),
    [
        (4, Keying(10, 10, 5, 0), Mark.FINE),
        (1, Keying(10, 0, 5, 0), Mark.FINE),
        (4, Keying(10, 9, 5, 0), Mark.NOTE),
        (4, Keying(10, 10, 5, 1), Mark.FAILED),
        (4, Keying(0, 0, 0, 0), Mark.FAILED),
        (4, Keying(10, 0, 10, 0, 10, keyless=10), Mark.FAILED),
        (4, Keying(10, 9, 10, 0, 9, mixed=1), Mark.FAILED),
        (4, Keying(10, 9, 10, 0, 10, keyed_by_device=1), Mark.FAILED),
        (1, Keying(10, 0, 10, 0, 9, keyless=9, mixed=1), Mark.FINE),
    ],
)
def test_what_keying_means(partitions: int, seen: Keying, mark: Mark) -> None:
    assert keyed("t", partitions, 10, seen).mark is mark


def test_an_empty_topic_is_a_note() -> None:
    assert keyed("t", 4, 0, Keying(0, 0, 0, 0)).mark is Mark.NOTE


@pytest.mark.parametrize(
    ("written", "is_noted"),
    [
        ("", True),
        ('ios_bundle_id = "com.example"\n', False),
        ('[sync.fields]\nbundle_id = "event_properties.bundle"\n', False),
        ('[sync.fields]\nua = "event_properties.ua"\n', True),
    ],
)
def test_an_ios_app_without_a_bundle_id_is_noted(
    written: str, *, is_noted: bool, appsflyer: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    """Many ad networks ask for it; an Android app has its package name."""
    apps = '[[sync]]\nname = "s"\nios_app_id = "id1"\nandroid_app_id = "com.a"\ns2s_key = "env:STREAM_TEST_KEY"\n'
    settings = FILES + delivery(f"http://127.0.0.1:{appsflyer.port}") + apps + 'events = "all"\n' + written
    code, lines = checked(settings, capsys)
    notes = [line for line in lines if line.startswith("!")]
    assert (code, len(notes)) == (0, int(is_noted))
    assert not notes or "sync[s]: no ios_bundle_id" in notes[0]


def test_variables_that_are_ignored_are_named_without_their_values(
    appsflyer: Listener, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where AppsFlyer is not reached it is a proxy, more often than not, that was set for other programs."""
    Path("a.json").write_text("")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@127.0.0.1:1")
    take_out()
    _, lines = checked(FILES + SYNC + delivery(f"http://127.0.0.1:{appsflyer.port}"), capsys)
    (said,) = [line for line in lines if "HTTPS_PROXY" in line]
    assert "ignored" in said
    assert "delivery.proxy" in said
    assert "secret" not in said


def test_as_json_each_finding_has_a_line_and_the_exit_code_is_the_same(
    appsflyer: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("stream.toml").write_text(FILES + SYNC + delivery(f"http://127.0.0.1:{appsflyer.port}"))
    assert main(["check"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert main(["check", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    signs = {each.name.lower(): each.value[0] for each in Mark}
    assert [f"{signs[each['mark']]} " + "; ".join(filter(None, (each["text"], each["do"]))) for each in found] == shown
    assert {"settings", "sync[production]", "sync[production].s2s_key", "source.paths", "delivery.endpoint"} <= {
        each["key"] for each in found
    }


def test_as_json_a_mistake_of_the_settings_names_its_key(capsys: pytest.CaptureFixture[str]) -> None:
    Path("stream.toml").write_text(FILES + SYNC.replace("ios_bundle_id", "ios_bundel_id"))
    assert main(["check", "--json"]) == 2
    (found,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (found["mark"], found["key"]) == ("wrong", "sync[production].ios_bundel_id")
    Path("stream.toml").write_text("[source")
    assert main(["check", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["key"] == "settings"
