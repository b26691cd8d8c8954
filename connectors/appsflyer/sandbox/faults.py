"""Which fault strikes a request, if any."""

import random
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, Literal, NamedTuple

from connectors.appsflyer.sandbox.checks import BAD_REQUEST, UNAUTHORIZED
from connectors.appsflyer.sandbox.fault_plan import Break, FaultPlan, FaultRule

_TEXTS: Final = {400: BAD_REQUEST, 401: UNAUTHORIZED, 403: "Forbidden", 500: "Internal Server Error"}
"""AppsFlyer's texts; of other statuses it documents none, and they get HTTP's."""

PAGE: Final = "<!doctype html>\n<html><head><title>Sign in</title></head><body>Sign in to this network.</body></html>\n"

DOCUMENTED: Final = 200
"""As a fault's status: what the checks say."""


class Fault(NamedTuple):
    """What happens to one request."""

    kind: Literal["answer", "page"] | Break
    status: int = DOCUMENTED
    text: str | None = None
    """None where the status is the documented one and its text is not changed."""
    delay_seconds: float = 0.0
    retry_after: str | None = None


_NOTHING: Final = Fault("answer")


class Subject(NamedTuple):
    """What rules may ask of a request."""

    app_id: str | None
    event_name: str | None
    customer_user_id: str | None
    attempt: int
    """Of the same body, counted from 1."""


class Faults:
    """A plan at work: it keeps the random sequence and the limits of each rule."""

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self._rules = [_Rule(rule, f"{plan.seed}/{place}") for place, rule in enumerate(plan.rule)]

    def __bool__(self) -> bool:
        """Whether there is anything to ask."""
        return bool(self._rules)

    def pick(self, subject: Subject) -> Fault | None:
        """Return what the first rule that matches does, or None for a request that is answered as documented."""
        for rule in self._rules:
            if rule.strikes(subject):
                fault = rule.fault(subject.attempt)
                return None if fault == _NOTHING else fault
        return None


class _Rule:
    def __init__(self, rule: FaultRule, seed: str) -> None:
        self._rule = rule
        self._random = random.Random(seed)  # noqa: S311  # it picks requests and guards nothing
        self._left = rule.limit
        self._conditions = _conditions(rule)

    def strikes(self, subject: Subject) -> bool:
        rule = self._rule
        if self._left == 0 or not all(holds(subject) for holds in self._conditions):
            return False
        if rule.statuses is not None and subject.attempt > len(rule.statuses):
            return False
        if rule.rate < 1 and self._random.random() >= rule.rate:
            return False
        if self._left is not None:
            self._left -= 1
        return True

    def fault(self, attempt: int) -> Fault:
        rule = self._rule
        step: int | Break | None = rule.status if rule.statuses is None else rule.statuses[attempt - 1]
        if isinstance(step, str):
            return Fault(step, delay_seconds=rule.delay_ms / 1000)
        status = DOCUMENTED if step is None else step
        if rule.kind == "page":
            return Fault("page", status, PAGE, rule.delay_ms / 1000)
        text = rule.text if rule.text is not None or status == DOCUMENTED else _text_of(status)
        retry_after = None if rule.retry_after is None else str(rule.retry_after)
        return Fault(rule.kind, status, text, rule.delay_ms / 1000, retry_after)


def _conditions(rule: FaultRule) -> list[Callable[[Subject], bool]]:
    conditions: list[Callable[[Subject], bool]] = []

    def one_of(wanted: Any, read: Callable[[Subject], Any]) -> None:
        if wanted is not None:
            values = frozenset(wanted if isinstance(wanted, list) else [wanted])
            conditions.append(lambda subject: read(subject) in values)

    one_of(rule.event_name, lambda subject: subject.event_name)
    one_of(rule.app_id, lambda subject: subject.app_id)
    one_of(rule.customer_user_id, lambda subject: subject.customer_user_id)
    one_of(rule.attempt, lambda subject: subject.attempt)
    return conditions


def _text_of(status: int) -> str:
    if status in _TEXTS:
        return _TEXTS[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
