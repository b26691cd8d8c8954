"""Restart: whether a running stream would come up again with other settings, found out before it ends."""

from connectors.kinds import SOURCES, source_of, store_of
from flows.domain.slice import ALL, Slice
from flows.observe.page_server import why_not_listen
from flows.runtime.obstacles import nothing_to_read, obstacles
from flows.settings.model import Settings
from flows.settings.tables import HealthTable


def obstacles_here(new: Settings, part: Slice, own_port: int, *, has_recovery: bool) -> list[str]:
    """Return why a restart with the new settings would not come up, or would read again what was delivered.

    It asks nobody over the network, so that /status can say it. `own_port` is where this process serves its health, 0
    if nowhere.
    """
    problems = obstacles(new, new.path, part if part != ALL else None)
    further = [nothing_to_read(new), _unavailable(new.health, part.index, own_port)]
    if (anew := SOURCES[new.source.kind].read_anew) is not None and not has_recovery:
        further.append(f"source: without a recovery store a restart would read {anew} again; start it anew by hand")
    return problems + [f"{new.path}: {each}" for each in further if each is not None]


def topics_missing(old: Settings, new: Settings, part: Slice) -> list[str]:
    """Return what outside systems lack for the new settings, where they name another place there. Takes seconds."""
    problems: list[str] = []
    if new.source != old.source:
        problems += source_of(new.source).missing(part)
    if new.dead_letters != old.dead_letters:
        problems += store_of(new.dead_letters).missing()
    return [f"{new.path}: {each}" for each in problems]


def _unavailable(health: HealthTable, slice_index: int, own_port: int) -> str | None:
    """Return why a start could not listen where the settings say; None if it could, or would go on without."""
    port = health.port_of(slice_index)
    if not port or not health.is_given:
        return None
    # Who runs gives its own port back before the restart: then only the host is in question.
    why = why_not_listen(health.host, 0 if port == own_port else port)
    return f"health.port: {cannot_listen(health.host, port, why)}" if why is not None else None


def cannot_listen(host: str, port: int, why: str, *, can_be_off: bool = True) -> str:
    """Say it, and what to do."""
    do = "write another, or 0 for no health" if can_be_off else "write another"
    return f"cannot listen on {host}, port {port} ({why}); expected one that is free; {do}"
