"""Watching: what `python -m flows status` and `top` ask running slices, and how they show it."""
