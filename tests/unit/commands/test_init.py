"""`python -m flows init`: what it writes can be loaded, is switched off, and replaces nothing unasked."""

import os
import pty
import select
import subprocess
import sys
import zipfile
from pathlib import Path

import orjson
import pytest

from connectors.appsflyer.properties import gather
from connectors.files.settings import FilesSource
from connectors.inbox.settings import InboxSource
from connectors.kafka.settings import KafkaSource
from connectors.secrets import SecretRef
from flows.commands.main import main
from flows.domain.decode import decode
from flows.domain.event import Event, Record
from flows.domain.sync import ALL_EVENTS, Selection
from flows.settings import load

APP = ["--name", "production", "--ios-app-id", "1234567890"]
FLAGS = [*APP, "--all-events"]


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run in an empty directory, asked by nobody."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_shortest_form_can_be_loaded_and_is_off() -> None:
    assert main(["init", *FLAGS]) == 0
    settings = load(Path("stream.toml"))
    (sync,) = settings.syncs
    assert not sync.enabled
    assert sync.name == "production"
    assert sync.sync.ios_app_id == "id1234567890"
    assert sync.keys == (SecretRef("env", "APPSFLYER_S2S_KEY"),)
    assert sync.sync.selections == ALL_EVENTS
    assert isinstance(settings.source, KafkaSource)


def test_every_flag_reaches_the_file() -> None:
    odd = 'a "quoted" \\ name'
    flags = ["--android-app-id", "com.example.app", "--key", "file:key", "--event", "purchase", "--event", odd]
    source = ["--source", "kafka", "--bootstrap-servers", "k1:1,k2:2", "--topic", "t"]
    assert main(["init", *APP, *flags, *source, "--output", "other.toml"]) == 0
    settings = load(Path("other.toml"))
    (sync,) = settings.syncs
    assert sync.sync.android_app_id == "com.example.app"
    assert sync.keys == (SecretRef("file", str(Path.cwd() / "key")),)
    assert sync.sync.selections == (Selection("purchase"), Selection(odd))
    assert isinstance(settings.source, KafkaSource)
    assert (settings.source.bootstrap_servers, settings.source.topic) == ("k1:1,k2:2", "t")


def test_it_begins_with_what_arrives_from_now_on_and_says_why() -> None:
    """What the topic holds would go out at once at the first start, and be dated by its arrival."""
    assert main(["init", *FLAGS]) == 0
    source = load(Path("stream.toml")).source
    assert isinstance(source, KafkaSource)
    assert source.start == "latest"
    assert (
        'start = "latest"                     # the first time, begin with what arrives'
        in Path("stream.toml").read_text()
    )


def test_what_says_who_a_person_is_does_not_leave_nor_what_is_a_field_of_its_own() -> None:
    assert main(["init", *FLAGS]) == 0
    (sync,) = load(Path("stream.toml")).syncs
    exclude = sync.sync.properties.exclude
    assert exclude >= {"email", "phone", "name", "address", "idfa", "idfv", "gaid"}
    personal = {"E-Mail": "a", "Phone Number": "b", "firstName": "c", "Address": {"street": "d"}, "NAME": "e"}
    identifiers = {"appsflyer_id": "f", "AppsFlyerID": "g", "[Amplitude] IDFA": "h", "$gpsAdId": "i", "att": 3}
    event = {"event_type": "e", "user_id": "u", "user_properties": personal | identifiers | {"plan": "pro"}}
    (decoded,) = decode(Record(orjson.dumps(event), None, "t", 0, 0, 0))
    assert isinstance(decoded, Event)
    assert gather(decoded, sync.sync.properties, {}, frozenset()).values == {"plan": "pro"}
    assert max(map(len, Path("stream.toml").read_text().splitlines())) <= 120


def test_files_as_a_source() -> None:
    assert main(["init", *FLAGS, "--source", "files", "--path", "a/*.zip", "--path", "b.json"]) == 0
    source = load(Path("stream.toml")).source
    assert source == FilesSource((str(Path.cwd() / "a/*.zip"), str(Path.cwd() / "b.json")))


def test_an_inbox_as_a_source_takes_what_clients_send_with_this_key(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else is needed to begin: the inbox is beside the file, and `serve` is what comes next."""
    assert main(["init", *FLAGS, "--source", "inbox"]) == 0
    settings = load(Path("stream.toml"))
    assert settings.source == InboxSource(Path.cwd() / "inbox")
    assert settings.collector is not None
    assert settings.collector.api_keys == (SecretRef("env", "AMPLITUDE_API_KEY"),)
    assert (settings.collector.host, settings.collector.port) == ("127.0.0.1", 8090)
    assert capsys.readouterr().out.rstrip().endswith("python -m flows serve")
    assert main(["init", *FLAGS, "--source", "inbox", "--api-key", "file:key", "--force"]) == 0
    collector = load(Path("stream.toml")).collector
    assert collector is not None
    assert collector.api_keys == (SecretRef("file", str(Path.cwd() / "key")),)


@pytest.mark.parametrize("source", ["inbox", "kafka", "files"])
def test_what_it_writes_passes_check(
    source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All but what only the machine can lack: the broker, the archives, the way out to AppsFlyer."""
    monkeypatch.setenv("APPSFLYER_S2S_KEY", "k" * 20)
    monkeypatch.setenv("AMPLITUDE_API_KEY", "a" * 32)
    monkeypatch.setattr("flows.operations.check.findings.appsflyer", lambda _: iter(()))
    monkeypatch.setattr("connectors.kafka.kind.TopicSource.check", lambda *_: iter(()))
    monkeypatch.setattr("flows.operations.check.collector.why_not_listen", lambda *_: None)
    Path("exports").mkdir()
    with zipfile.ZipFile("exports/a.zip", "w") as archive:
        archive.writestr("a.json", "")
    assert main(["init", *FLAGS, "--source", source]) == 0
    assert main(["check"]) == 0, capsys.readouterr().out
    assert "✗" not in capsys.readouterr().out


@pytest.mark.parametrize("source", [["--source", "kafka"], ["--source", "inbox"], ["--source", "files"]])
@pytest.mark.parametrize("events", [["--all-events"], ["--event", "a"]])
def test_the_file_explains_itself(events: list[str], source: list[str]) -> None:
    assert main(["init", *APP, *events, *source]) == 0
    text = Path("stream.toml").read_text()
    assert "enabled = false" in text
    assert "the most important ones are advised" in text
    lines = text.splitlines()
    tables = [place for place, line in enumerate(lines) if line.startswith("[") and not line.startswith("[[sync.event")]
    assert len(tables) == (8 if "[collector]" in lines else 7)
    assert all(lines[place - 1].startswith("# ") for place in tables)
    assert max(map(len, lines)) <= 120


def test_an_existing_file_is_kept_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    Path("stream.toml").write_text("mine")
    assert main(["init", *FLAGS]) == 2
    assert "--force" in capsys.readouterr().err
    assert Path("stream.toml").read_text() == "mine"
    assert main(["init", *FLAGS, "--force"]) == 0
    assert load(Path("stream.toml")).syncs


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "--name is missing; --ios-app-id, --android-app-id or both are missing; --event NAME is missing"),
        (APP, "init: --event NAME is missing, for each event to send (--all-events sends all); give them as flags"),
        ([*FLAGS, "--event", "a"], "give one of the two"),
        (["--name", "a"], "--ios-app-id, --android-app-id or both are missing"),
        ([*FLAGS, "--android-app-id", "nodot"], "sync[production].android_app_id"),
        ([*FLAGS, "--topic", "a b"], "source.topic"),
        ([*FLAGS, "--source", "inbox", "--api-key", "0123456789abcdef"], "collector.api_keys"),
        ([*FLAGS, "--output", "no/such/place.toml"], "cannot be written"),
    ],
)
def test_what_cannot_be_loaded_is_not_written(flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", *flags]) == 2
    assert said in capsys.readouterr().err
    assert list(Path.cwd().iterdir()) == []


def test_a_key_given_inline_is_neither_written_nor_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", *FLAGS, "--key", "S3CR3T"]) == 2
    said = capsys.readouterr()
    assert "write env:NAME or file:PATH" in said.err
    assert "S3CR3T" not in said.err + said.out
    assert not Path("stream.toml").exists()


def test_on_a_terminal_it_asks_and_asks_again() -> None:
    """The answers are typed as a person would: first no app at all, then a wrong one, then an id without prefix."""
    answers = ["", "", "", "nonsense", "1", "", "env:MY_KEY", "n", "purchase, sign up", "files", "exports/*.zip"]
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "flows", "init"]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=os.environ | {"PYTHONPATH": str(root)}
    ) as process:
        os.close(terminal)
        said = ""
        for answer in answers:
            said += read_until(controller, ": ")
            os.write(controller, answer.encode() + b"\n")
        said += read_until(controller, "python -m flows run")
        assert process.wait(20) == 0, said
    os.close(controller)
    settings = load(Path("stream.toml"))
    (sync,) = settings.syncs
    assert sync.name == "production"
    assert sync.sync.ios_app_id == "id1"
    assert sync.sync.android_app_id is None
    assert sync.keys == (SecretRef("env", "MY_KEY"),)
    assert sync.sync.selections == (Selection("purchase"), Selection("sign up"))
    assert isinstance(settings.source, FilesSource)
    assert "at least one of the two is needed" in said
    assert "expected an iOS app id, such as id1234567890" in said
    assert 'ios_app_id = "id1"' in Path("stream.toml").read_text()


def read_until(controller: int, end: str) -> str:
    """Return what the terminal shows until `end`, at the end of it."""
    said = ""
    while not said.rstrip("\r\n").endswith(end):
        ready, _, _ = select.select([controller], [], [], 20)
        assert ready, said
        said += os.read(controller, 4096).decode()
    return said
