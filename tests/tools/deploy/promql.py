"""What an expression names, against the vocabulary: metrics, labels, and values of labels that are closed sets."""

import re
from collections.abc import Iterable
from typing import Final

import promql_parser as pq

from connectors.appsflyer.answers import Verdict
from connectors.collector.normal import InvalidReason
from connectors.collector.upload import RefusalReason
from connectors.delivery.breaker import Circuit
from connectors.delivery.stats import FIRST, RETRY
from connectors.tee.counts import DropReason, GivenUpReason
from flows.domain.event import PLATFORMS
from flows.domain.fate import DeadLetterReason, FilterReason, Outcome
from flows.domain.identifiers import PLATFORM_IDENTIFIERS
from flows.domain.warning import EventWarning
from flows.observe.metrics.metric import Metric
from flows.observe.metrics.vocabulary import EVERY

GIVEN_BY_PROMETHEUS: Final = frozenset({"namespace", "job", "instance", "pod"})
CHECKS: Final = frozenset({"settings", "source", "keys", "apps", "dead_letters", "journal", "disk", "brake", "running"})
PARTS: Final = frozenset({"worker", "courier", "requests", "postbox"})
VALUES: Final[dict[str, frozenset[str]]] = {
    "attempt": frozenset({FIRST, RETRY}),
    "caution": frozenset(EventWarning),
    "check": CHECKS,
    "circuit": frozenset(Circuit),
    "class": frozenset(Verdict),
    "identifier": frozenset(name for names in PLATFORM_IDENTIFIERS.values() for name in names),
    "outcome": frozenset(Outcome),
    "part": PARTS,
    "platform": frozenset(PLATFORMS),
    "reason": frozenset(DeadLetterReason)
    | frozenset(FilterReason)
    | frozenset(InvalidReason)
    | frozenset(RefusalReason)
    | frozenset(DropReason)
    | frozenset(GivenUpReason)
    | {""},
}
"""The labels whose values are known beforehand."""
_FIRING: Final = Metric("ALERTS", "gauge", "1", (), "Made by Prometheus for each alert that is pending or fires.", "")
_METRICS: Final = {each.name: each for each in (*EVERY, _FIRING)}
_GRAFANA: Final = {
    "$__rate_interval": "5m",
    "$__range": "1h",
    "$__interval": "1m",
}


class UnknownNameError(Exception):
    """An expression names what does not exist."""


def labels_of(expression: str) -> frozenset[str]:
    """Return the labels that the result has. Raises UnknownNameError, or ValueError for what is no PromQL."""
    for variable, value in _GRAFANA.items():
        expression = expression.replace(variable, value)
    return _labels(pq.parse(expression))


def metrics_in(expression: str) -> set[Metric]:
    """Return the metrics that an expression names."""
    return {each for each in EVERY if re.search(rf"\b{each.name}(_bucket|_sum|_count)?\b", expression)}


def _labels(node: object) -> frozenset[str]:
    match node:
        case pq.VectorSelector():
            labels = _selected(node)
        case pq.MatrixSelector():
            labels = _selected(node.vector_selector)
        case pq.AggregateExpr():
            labels = _aggregated(node)
        case pq.BinaryExpr():
            labels = _combined(node)
        case pq.Call():
            labels = _called(node)
        case pq.ParenExpr() | pq.SubqueryExpr() | pq.UnaryExpr():
            labels = _labels(node.expr)
        case _:
            labels = frozenset()
    return labels


def _selected(node: pq.VectorSelector) -> frozenset[str]:
    metric, more = _metric(str(node.name))
    labels = frozenset({*metric.labels, *more})
    if metric is _FIRING:
        labels |= {"alertname", "alertstate", "severity"}
    _demand({each.name for each in node.matchers.matchers}, labels | GIVEN_BY_PROMETHEUS, metric.name)
    for each in node.matchers.matchers:
        values = each.value.split("|") if each.op in (pq.MatchOp.Re, pq.MatchOp.NotRe) else [each.value]
        known = VALUES.get(each.name)
        if known is not None and not each.value.startswith(("$", ".")):
            _demand(values, known, f"{metric.name}{{{each.name}}}")
    return labels | GIVEN_BY_PROMETHEUS


def _metric(name: str) -> tuple[Metric, tuple[str, ...]]:
    if name in _METRICS and _METRICS[name].kind != "histogram":
        return _METRICS[name], ()
    base, _, part = name.rpartition("_")
    metric = _METRICS.get(base)
    if metric is None or metric.kind != "histogram" or part not in ("bucket", "sum", "count"):
        raise UnknownNameError(f"there is no metric {name}")
    return metric, ("le",) if part == "bucket" else ()


def _aggregated(node: pq.AggregateExpr) -> frozenset[str]:
    inner = _labels(node.expr)
    if node.modifier is None:
        return inner if "topk" in str(node.op) else frozenset()
    by = frozenset(node.modifier.labels)
    _demand(by, inner, "an aggregation")
    return by if node.modifier.type == pq.AggModifierType.By else inner - by


def _combined(node: pq.BinaryExpr) -> frozenset[str]:
    left, right = _labels(node.lhs), _labels(node.rhs)
    modifier = node.modifier
    if modifier is not None and modifier.matching is not None:
        for side in (left, right):
            _demand(modifier.matching.labels, side, "a match")
    elif left and right and str(node.op) != "or" and left != right:
        raise UnknownNameError(f"sides that never match: {sorted(left ^ right)} on one only, in {node.prettify()}")
    if modifier is not None and modifier.group_labels:
        _demand(modifier.group_labels, right, "group_left")
        left = left | frozenset(modifier.group_labels)
    return left or right


def _called(node: pq.Call) -> frozenset[str]:
    inner = [labels for each in node.args if (labels := _labels(each))]
    name = node.func.name
    if name.startswith("absent"):
        return frozenset()
    found = inner[0] if inner else frozenset[str]()
    if name == "histogram_quantile":
        _demand({"le"}, found, name)
        return found - {"le"}
    return found


def _demand(names: Iterable[str], known: Iterable[str], where: str) -> None:
    unknown = set(names) - set(known)
    if unknown:
        raise UnknownNameError(f"{where}: {sorted(unknown)} is none of {sorted(known)}")
