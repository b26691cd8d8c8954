"""A stand-in AppsFlyer: its documented checks and answers, faults on demand, and a record of what arrived."""

from connectors.appsflyer.sandbox.app import SandboxServer

__all__ = ["SandboxServer"]
