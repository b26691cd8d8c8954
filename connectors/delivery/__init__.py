"""The way of a request from the window to its fate."""
