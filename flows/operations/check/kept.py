"""The events of a sample as the stream would see them: with the user properties that earlier ones have taught."""

from collections.abc import Iterator

from connectors.sample import Sample
from flows.domain.event import Event
from flows.domain.kept_properties import NOTHING_KEPT, Kept, completed, learn, named_properties, stands_behind
from flows.operations.check.syncs import syncs_of
from flows.settings.model import Settings


def with_kept(settings: Settings, sample: Sample) -> Iterator[Event]:
    """Yield each event; logins are left aside, for a sample seldom holds one."""
    names = named_properties(syncs_of(settings), settings.identity.keep_properties)
    if not names:
        yield from sample.events
        return
    users: dict[str, Kept] = {}
    for event in sample.events:
        kept = users[event.user_key] = learn(users.get(event.user_key, NOTHING_KEPT), event, names)
        yield completed(event, stands_behind(kept, event))
