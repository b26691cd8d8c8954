"""`python -m flows`: the operator's commands."""

import sys

from flows.signals import let_reload_wait, quit_at_once

if sys.argv[1:2] in (["run"], ["replay"], ["rekey"]):
    quit_at_once()
if sys.argv[1:2] == ["run"]:
    let_reload_wait()

from flows.cli import main

sys.exit(main())
