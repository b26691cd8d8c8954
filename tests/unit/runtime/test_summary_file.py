"""The summary's file: what cannot be written is said before anything is started, and breaks no run at its end."""

from pathlib import Path

import orjson
import pytest

from flows.runtime import summary_file


def test_it_is_written_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(summary_file.VARIABLE, raising=False)
    summary_file.write({"read": 1})
    assert summary_file.obstacle() is None
    monkeypatch.setenv(summary_file.VARIABLE, str(tmp_path / "summary.json"))
    assert summary_file.obstacle() is None
    summary_file.write({"read": 1})
    assert orjson.loads((tmp_path / "summary.json").read_bytes()) == {"read": 1}
    assert summary_file.obstacle() is None  # an earlier one is overwritten


@pytest.mark.parametrize(("place", "why"), [("", "a directory"), ("none/summary.json", "its directory is not there")])
def test_a_place_that_cannot_be_is_refused_by_its_name(
    place: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the end of a run, by when the place may have gone, the refusal is said and nothing is raised."""
    monkeypatch.setenv(summary_file.VARIABLE, str(tmp_path / place))
    assert why in str(summary_file.obstacle())
    summary_file.write({})
    assert capsys.readouterr().err.startswith(f"STREAM_SUMMARY: {tmp_path}")
