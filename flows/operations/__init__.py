"""What an operator can do, as functions."""
