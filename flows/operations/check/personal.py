"""Personal data: the properties that would leave and look like a person's e-mail address or telephone number."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from connectors.appsflyer.fields import compile_fields
from connectors.appsflyer.mapped import IN_PLACE, USER_ID, is_nothing
from connectors.appsflyer.properties import gather
from connectors.finding import Finding, Mark, count
from connectors.sample import Sample
from flows.domain.event import Event
from flows.domain.personal import looks_personal, personal_properties
from flows.domain.select import compile_select
from flows.domain.sync import Sync
from flows.operations.check.kept import with_kept
from flows.operations.check.syncs import syncs_of
from flows.settings.model import Settings

_MOST_NAMED: Final = 8


def personal(settings: Settings, sample: Sample) -> Iterator[Finding]:
    """Yield, sync by sync, the names of such properties; no value is printed."""
    syncs = syncs_of(settings)
    select = compile_select(syncs)
    found: dict[int, Counter[str]] = {place: Counter() for place in range(len(syncs))}
    user_id_of = [_customer_user_id(sync) for sync in syncs]
    user_ids = 0
    for event in with_kept(settings, sample.events):
        wanted = {target.sync for target in select(event).targets}
        user_ids += any(looks_personal(user_id_of[place](event)) for place in wanted)
        for place in wanted:
            found[place].update(personal_properties(gather(event, syncs[place].properties, {}, frozenset()).values))
    for place, names in found.items():
        if names:
            named = ", ".join(name for name, _ in names.most_common(_MOST_NAMED))
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            yield Finding(
                Mark.NOTE,
                f"sync[{syncs[place].name}]: an e-mail address or telephone number would leave in: {named}{more}",
                "add them to the sync's exclude, if they are a person's",
            )
    if user_ids:
        text = f"user ids of {count(user_ids, 'event')} look like e-mail addresses or telephone numbers"
        yield Finding(Mark.NOTE, text, "AppsFlyer wants no personal data as customer_user_id: let the app use another")


def _customer_user_id(sync: Sync) -> Callable[[Event], Any]:
    """Return how to get the id that the sync sends."""
    paths = dict(sync.fields).get(USER_ID)
    if paths is None:
        return lambda event: event.user_id
    read = compile_fields([(USER_ID, paths)], IN_PLACE, is_nothing)
    return lambda event: read(event)[0].get(USER_ID)
