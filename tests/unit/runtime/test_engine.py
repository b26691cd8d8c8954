"""What Bytewax was started with: the same as Bytewax itself reads, in every form of its flags."""

from pathlib import Path

import pytest

from flows.runtime import engine

SNAPSHOTS = ["-s", "10", "-b", "0"]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take Bytewax's variables away."""
    for name in (*engine.CLUSTER_VARIABLES, "BYTEWAX_RECOVERY_DIRECTORY", "BYTEWAX_STATEFULSET_NAME"):
        monkeypatch.delenv(name, raising=False)


def started_with(monkeypatch: pytest.MonkeyPatch, *flags: str) -> None:
    monkeypatch.setattr("sys.argv", ["run.py", "flows.stream", *flags])


@pytest.mark.parametrize(
    "flags",
    [
        ("-r", "store"), ("-rstore",), ("-r=store",), ("--recovery-directory", "store"),
        ("--recovery-directory=store",),
        ("--recovery-dir", "store"), ("--rec=store",), ("-r", "other", "--recovery-d", "store"),
    ],
)  # fmt: skip
def test_the_recovery_store_is_found_in_every_form(monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]) -> None:
    started_with(monkeypatch, *SNAPSHOTS, *flags)
    assert engine.recovery_directory() == Path("store")
    assert engine.cluster() == []


def test_a_flag_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYTEWAX_RECOVERY_DIRECTORY", "other")
    started_with(monkeypatch, *SNAPSHOTS)
    assert engine.recovery_directory() == Path("other")
    started_with(monkeypatch, *SNAPSHOTS, "--recovery-dir=store")
    assert engine.recovery_directory() == Path("store")


def test_what_only_looks_like_a_flag_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    started_with(monkeypatch, "-w", "2")
    assert engine.recovery_directory() is None
    assert engine.cluster() == []


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        (("-i", "0", "-a", "x:1"), ["--process-id", "--addresses"]),
        (("-i0", "-alocalhost:1"), ["--process-id", "--addresses"]),
        (("--proc", "0", "--addr=x:1"), ["--process-id", "--addresses"]),
        (("-w2", "-ax:1"), ["--addresses"]),
        (("-a", "127.0.0.1:2101"), ["--addresses"]),
        (("--addr=localhost:1",), ["--addresses"]),
    ],
)
def test_a_cluster_is_seen_in_every_form(
    monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], found: list[str]
) -> None:
    started_with(monkeypatch, *flags)
    assert engine.cluster() == found


@pytest.mark.parametrize("name", engine.CLUSTER_VARIABLES)
def test_a_cluster_is_seen_in_every_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "0")
    started_with(monkeypatch)
    assert engine.cluster() == [name]


def test_flags_of_another_program_are_not_bytewaxs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYTEWAX_RECOVERY_DIRECTORY", "store")
    monkeypatch.setattr("sys.argv", ["program", "-i", "input.json", "--strange"])
    assert engine.recovery_directory() == Path("store")
    assert engine.cluster() == []
