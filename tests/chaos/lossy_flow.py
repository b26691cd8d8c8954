"""The canary: the stream with a sink whose snapshots forget what is not final yet. It must fail the suite."""

from typing import Any

from connectors.delivery.outbox import Outbox

_honest = Outbox.state


def _forgetful(self: Outbox) -> tuple[Any, ...]:
    version, _items, *more = _honest(self)
    return (version, [], *more)


Outbox.state = _forgetful  # type: ignore[method-assign]  # the damage that is wanted

from flows.stream import flow  # noqa: E402

__all__ = ["flow"]
