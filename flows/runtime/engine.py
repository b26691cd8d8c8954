"""What Bytewax was started with, read by Bytewax's own parser: abbreviated flags, `-rD`, `--flag=D`, and variables."""

import contextlib
import io
import os
from argparse import Namespace
from pathlib import Path
from typing import Final

from bytewax import run as bytewax_run

CLUSTER_VARIABLES: Final = (
    "BYTEWAX_PROCESS_ID",
    "BYTEWAX_ADDRESSES",
    "BYTEWAX_POD_NAME",
    "BYTEWAX_HOSTFILE_PATH",
)
"""Those that make a cluster, with `-i` and `-a`."""
_RECOVERY_VARIABLE: Final = "BYTEWAX_RECOVERY_DIRECTORY"
_NOTHING: Final = Namespace(process_id=None, addresses=None)


def recovery_directory() -> Path | None:
    """Return where Bytewax's recovery store is; None without one."""
    directory = getattr(_given(), "recovery_directory", os.environ.get(_RECOVERY_VARIABLE))
    return None if directory is None else Path(directory)


def cluster() -> list[str]:
    """Return the flags and variables by which Bytewax is to run as a cluster; none where it is not."""
    given = _given()
    variables = [name for name in CLUSTER_VARIABLES if name in os.environ]
    flags = {"--process-id": given.process_id, "--addresses": given.addresses}
    return variables or [flag for flag, value in flags.items() if value is not None]


def _given() -> Namespace:
    """Return what Bytewax's parser reads. Another program than Bytewax has flags of its own: then variables alone."""
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            return bytewax_run._parse_args()  # type: ignore[no-untyped-call,no-any-return]  # noqa: SLF001 (the parser of `python -m bytewax.run` itself)
    except (SystemExit, OSError, ValueError):
        return _NOTHING
