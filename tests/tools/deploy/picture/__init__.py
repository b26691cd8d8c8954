"""A picture of the dashboard over a real run: `make dashboard`."""
