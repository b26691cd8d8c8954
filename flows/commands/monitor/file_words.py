"""What to know of the settings file beside a running stream, in sentences."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from flows.operations.waiting import KEEP, say
from flows.program import as_called
from flows.settings import SettingsError, load
from flows.settings.problems import Problem

_TAKES: Final = {
    "in place": "`python -m flows reload` takes it up between two batches",
    "restart": "`python -m flows reload` takes it up; the stream restarts by itself, and loses nothing",
    "by hand": "stop the stream and start it again",
}


def mistakes(path: Path | None) -> tuple[Problem, ...]:
    """Return what is wrong with the file as it is here and now; nothing where no file is asked for."""
    if path is None:
        return ()
    try:
        load(path)
    except SettingsError as problem:
        return problem.problems
    return ()


def about_file(status: Mapping[str, Any]) -> list[str]:
    """Return what a slice says of its own file."""
    settings = status["settings"]
    said = list(_of_slice(settings.get("file") or {"state": "taken"}))
    reload = settings["reload"]
    if reload is not None and not reload.get("ok", True):
        said.append(f"{reload['result']} ({reload['at']})")
    return [as_called(each) for each in said]


def _of_slice(file: Mapping[str, Any]) -> Iterator[str]:
    if file["state"] == "mistakes":
        keys = file["keys"]
        count = "a mistake" if len(keys) == 1 else f"{len(keys)} mistakes"
        yield (
            f"{file['path']} has {count} ({', '.join(keys)}): the running stream goes on with the settings that it "
            "has, and would not start with these; `python -m flows check` says what to do"
        )
    elif file["state"] == "changed":
        do = _TAKES.get(file["takes"], "") if not file["obstacles"] else "a restart with it would fail"
        yield f"{file['path']} was changed, and is not taken up yet: {file['change']}; {do}"
        yield from file["obstacles"]
        for sync, events in file["left_behind"].items():
            yield f"{say(sync, events)} in it: once it is taken up, they become dead letters, sync_disabled; {KEEP}"
