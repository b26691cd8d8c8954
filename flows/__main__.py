"""The operator's commands: `python -m flows`, and `ampfly` where the wheel is installed."""

import sys

from flows.runtime.environment import take_out
from flows.runtime.signals import let_reload_wait, quit_at_once


def main() -> int:
    """Run the command that the process was started with; return the exit code."""
    take_out()
    if sys.argv[1:2] in (["run"], ["replay"], ["rekey"]):
        quit_at_once()
    if sys.argv[1:2] == ["run"]:
        let_reload_wait()
    from flows.commands.main import main as command  # noqa: PLC0415 - loads the libraries

    return command()


if __name__ == "__main__":
    sys.exit(main())
