"""The dataflows and the operator's commands."""
