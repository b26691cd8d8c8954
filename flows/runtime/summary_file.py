"""The file that STREAM_SUMMARY names, where the summary of a run is written as JSON."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

VARIABLE: Final = "STREAM_SUMMARY"


def obstacle() -> str | None:
    """Return why it cannot be written, for a start to refuse; None where it can, or is not asked for."""
    place = os.environ.get(VARIABLE)
    if not place:
        return None
    path = Path(place)
    if path.is_dir():
        why = "it is a directory"
    elif not path.parent.is_dir():
        why = "its directory is not there"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        why = "it is not writable"
    else:
        return None
    return f"{VARIABLE}: found {place!r}, but {why}; expected a file that can be written; name another, or unset it"


def write(content: Mapping[str, Any]) -> None:
    """Write the summary, if it is asked for. Where the disk refuses, say so: the run itself has come to a good end."""
    place = os.environ.get(VARIABLE)
    if not place:
        return
    try:
        Path(place).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as problem:
        sys.stderr.write(f"{VARIABLE}: {place} cannot be written: {problem.strerror}\n")
