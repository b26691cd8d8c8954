"""`python -m flows`: the operator's commands."""

import sys

from flows.runtime.environment import take_out
from flows.runtime.signals import let_reload_wait, quit_at_once

take_out()
if sys.argv[1:2] in (["run"], ["replay"], ["rekey"]):
    quit_at_once()
if sys.argv[1:2] == ["run"]:
    let_reload_wait()

from flows.commands.parser import main  # noqa: E402 - loads the libraries

sys.exit(main())
