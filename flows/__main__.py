"""`python -m flows`: the operator's commands."""

import sys

from flows.cli import main

sys.exit(main())
