"""Events as the stream would see them: with the user properties that earlier ones have taught."""

from collections.abc import Iterable, Iterator

from flows.domain.event import Event
from flows.domain.kept_properties import NOTHING_KEPT, Kept, completed, learn, named_properties, stands_behind
from flows.operations.check.syncs import syncs_of
from flows.settings.model import Settings


def with_kept(settings: Settings, events: Iterable[Event]) -> Iterator[Event]:
    """Yield each event; logins are left aside, for a sample seldom holds one."""
    names = named_properties(syncs_of(settings), settings.identity.keep_properties)
    if not names:
        yield from events
        return
    users: dict[str, Kept] = {}
    for event in events:
        kept = users[event.user_key] = learn(users.get(event.user_key, NOTHING_KEPT), event, names)
        yield completed(event, stands_behind(kept, event))
