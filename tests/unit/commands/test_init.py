"""`python -m flows init`: what it writes can be loaded, is switched off, and replaces nothing unasked."""

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from connectors.appsflyer.properties import gather
from connectors.files.settings import FilesSource
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


@pytest.mark.parametrize("events", [["--all-events"], ["--event", "a"]])
def test_the_file_explains_itself(events: list[str]) -> None:
    assert main(["init", *APP, *events]) == 0
    text = Path("stream.toml").read_text()
    assert "enabled = false" in text
    assert "the most important ones are advised" in text
    lines = text.splitlines()
    tables = [place for place, line in enumerate(lines) if line.startswith("[") and not line.startswith("[[sync.event")]
    assert len(tables) == 7
    assert all(lines[place - 1].startswith("# ") for place in tables)


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
