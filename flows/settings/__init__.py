"""The settings: stream.toml, read and checked as a whole before anything starts."""

from flows.settings.file import load
from flows.settings.problems import Problem, SettingsError

__all__ = ["Problem", "SettingsError", "load"]
