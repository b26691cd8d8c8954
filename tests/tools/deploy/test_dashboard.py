"""The dashboard: made of the vocabulary, complete, and provisioned by compose and for Kubernetes."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml

from deploy.monitoring.dashboard.__main__ import text
from deploy.monitoring.dashboard.panel import Panel
from deploy.monitoring.dashboard.rows import ROWS, completed, standard_panel
from flows.observe.metrics.amplitude_figures import figures
from flows.observe.metrics.vocabulary import BUILD_INFO, EVERY, GROUPS, REQUESTS_BUILT
from tests.tools.deploy.manifests import DEPLOY
from tests.tools.deploy.promql import labels_of, metrics_in
from tests.tools.deploy.rules import MONITORING

DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
PANELS = [panel for row in ROWS for panel in row.panels]


def test_the_committed_dashboard_is_what_the_generator_makes() -> None:
    made = (MONITORING / "dashboard.json").read_text(encoding="utf-8")
    assert made == text(), "python -m deploy.monitoring.dashboard > deploy/monitoring/dashboard.json"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title.replace(" ", "-"))
def test_a_panel_names_only_what_exists_and_says_what_it_shows(panel: Panel) -> None:
    """Its series are called by labels that they have; its description is about the metrics that it asks for."""
    asked = set()
    for query in panel.queries:
        labels = labels_of(query.expression)
        assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= labels, query.legend
        asked |= metrics_in(query.expression)
        if panel.kind == "table" and panel.key:
            assert labels == {panel.key}
    assert set(panel.metrics) <= asked
    # What a share is taken of, and what says that a process is the stream's, need no words of their own.
    assert asked - set(panel.metrics) <= {REQUESTS_BUILT, BUILD_INFO}


def test_every_metric_is_shown_somewhere() -> None:
    shown = {metric for panel in PANELS for metric in panel.metrics}
    assert {each.name for each in EVERY} - {each.name for each in shown} == set()


@pytest.mark.parametrize("kind", ["counter", "gauge", "histogram"])
def test_a_new_metric_gets_a_panel_by_itself(kind: str) -> None:
    """Its row is the one of its question; what it asks for has the labels that its legend names."""
    known = next(each for each in EVERY if each.kind == kind)
    new = known._replace(name=f"{known.name}_new")
    rows = completed(ROWS, ((ROWS[3].question, (new,)),))
    assert rows[:3] + rows[4:] == ROWS[:3] + ROWS[4:]
    assert rows[3].panels[:-1] == ROWS[3].panels
    assert rows[3].panels[-1].metrics == (new,)
    for query in standard_panel(known).queries:
        assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= labels_of(query.expression)


def test_the_rows_are_the_questions_of_the_vocabulary() -> None:
    assert [row.question for row in ROWS[1:]] == [question for question, _ in GROUPS]


def test_all_of_amplitudes_figures_are_there() -> None:
    legends = {query.legend for panel in PANELS for query in panel.queries}
    assert {each.name for each in figures()} <= legends


@pytest.mark.parametrize("figure", figures(), ids=lambda figure: figure.name)
def test_a_figure_names_only_what_exists(figure: Any) -> None:
    assert labels_of(figure.expression) == {"sync"}


def _placed() -> Iterator[dict[str, int]]:
    for panel in DASHBOARD["panels"]:
        yield panel["gridPos"]


def test_no_panel_lies_on_another_and_each_has_a_number_of_its_own() -> None:
    for one, other in combinations(_placed(), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)
    assert all(each["x"] + each["w"] <= 24 for each in _placed())
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel.title for panel in PANELS}) == len(PANELS)


def test_every_question_to_prometheus_goes_to_the_chosen_one() -> None:
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]}
    source = {"type": "prometheus", "uid": "${datasource}"}
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            assert target["datasource"] == panel["datasource"] == source
            used = set(re.findall(r"\$\{?(\w+)", target["expr"]))
            assert used <= variables | {"__rate_interval", "__range"}


def test_compose_provisions_it_with_the_rules_and_the_data_source() -> None:
    """Grafana finds the dashboard's file, and Prometheus the rules', in the folders that compose mounts there."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    provider = yaml.safe_load((DEPLOY / "compose" / "grafana" / "dashboards.yaml").read_text(encoding="utf-8"))
    (place,) = (each["options"]["path"] for each in provider["providers"])
    assert f"./monitoring:{place}:ro" in services["grafana"]["volumes"]
    prometheus = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text(encoding="utf-8"))
    (pattern,) = prometheus["rule_files"]
    mount = next(each for each in services["prometheus"]["volumes"] if each.startswith("./monitoring:"))
    directory = pattern.removesuffix("/*.rules.yaml")
    assert mount == f"./monitoring:{directory}:ro"
    assert [each.name for each in MONITORING.glob("*.rules.yaml")] == ["stream.rules.yaml"]
    sources = yaml.safe_load((DEPLOY / "compose" / "grafana" / "datasources.yaml").read_text(encoding="utf-8"))
    assert [each["type"] for each in sources["datasources"]] == ["prometheus"]
    assert sources["datasources"][0]["url"] == "http://prometheus:9090"


def test_kubernetes_gets_the_same_files() -> None:
    component = yaml.safe_load((MONITORING / "kustomization.yaml").read_text(encoding="utf-8"))
    assert component["resources"] == ["service-monitor.yaml", "prometheus-rule.yaml"]
    (made,) = component["configMapGenerator"]
    assert made["files"] == ["appsflyer-stream.json=dashboard.json"]
    assert made["options"]["labels"] == {"grafana_dashboard": "1"}
    assert len(text().encode()) < 1 << 20, "a ConfigMap holds 1 MiB at the most"
