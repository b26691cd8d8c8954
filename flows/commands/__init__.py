"""The operator's commands, one file each. Each has `add_arguments(parser)` and `run(args) -> exit code`."""
