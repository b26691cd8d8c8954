"""The program: how it was called, `ampfly` or `python -m flows`, so that what it prints can be typed again."""

import os
import sys
from pathlib import Path
from typing import Final

SCRIPT: Final = "ampfly"
"""The name that an installed wheel puts on the PATH: pyproject.toml, [project.scripts]."""
MODULE: Final = "python -m flows"
"""What works wherever the project can be imported. All texts of the code name it so."""


VARIABLE: Final = "STREAM_PROGRAM"
"""The environment variable by which a process that a command becomes, or starts, knows how that was called."""


def program() -> str:
    """Return how the running process was called."""
    return SCRIPT if Path(sys.argv[0]).stem == SCRIPT else os.environ.get(VARIABLE, MODULE)


def as_called(text: str) -> str:
    """Return the text with each command in it named as this process was called."""
    return text.replace(MODULE, program())
