"""The alerts: what they name exists, each fires when it should and not on a quiet night, and each has its entry."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.delivery.overflow import MOST_SET_ASIDE
from tests.fixtures.needs import program
from tests.tools.deploy.alert_cases import CASES, Case, healthy
from tests.tools.deploy.promql import UnknownNameError, labels_of
from tests.tools.deploy.rules import MADE, SOURCE, alerts, rules_file, with_runbook

ALERTS = {rule["alert"]: rule for rule in alerts()}


@pytest.fixture
def promtool() -> str:
    return program("promtool", "prometheus")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_plain_rules_file_is_made_of_the_prometheus_rule() -> None:
    assert MADE.read_text(encoding="utf-8") == rules_file(), "python -m tests.tools.deploy.rules > " + str(MADE)


def test_promtool_accepts_the_rules(promtool: str) -> None:
    _run(promtool, "check", "rules", str(MADE))


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_names_only_what_exists(name: str) -> None:
    """Metrics and labels are of the vocabulary, values of the closed sets; the texts use labels that the result has."""
    rule = ALERTS[name]
    labels = labels_of(rule["expr"])
    texts = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", texts)) <= labels


@pytest.mark.parametrize(
    "wrong",
    [
        "appsflyer_stream_lag_event > 1",
        "appsflyer_stream_lag_events{partitions='1'}",
        "sum by (topic) (appsflyer_stream_lag_events)",
        "appsflyer_stream_circuit{circuit='halted'} == 1",
        "rate(appsflyer_stream_outcomes_total{reason=~'rejected|to_large'}[5m])",
        "histogram_quantile(0.9, sum by (sync) (rate(appsflyer_stream_delivery_age_seconds_bucket[5m])))",
        "rate(appsflyer_stream_delivery_age_seconds[5m])",
        "appsflyer_stream_lag_events > appsflyer_stream_brake_on",
        "appsflyer_stream_lag_events > on (sync) appsflyer_stream_brake_on",
    ],
)
def test_the_check_finds_what_does_not_exist(wrong: str) -> None:
    with pytest.raises(UnknownNameError):
        labels_of(wrong)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_grave_it_is_what_it_means_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert name.startswith("Stream")
    assert rule["labels"]["severity"] in ("critical", "warning")
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert not annotations["summary"].endswith(".")
    assert annotations["description"].endswith(".")


def test_every_link_is_a_full_address_of_the_runbook() -> None:
    """What shows an alert, such as a chat or a pager, knows no path within this project."""
    links = {rule["annotations"]["runbook_url"].split("#")[0] for rule in ALERTS.values()}
    (address,) = links
    assert address.startswith("https://")
    assert address.endswith("/docs/runbook.md")


def test_where_the_links_lead_can_be_set() -> None:
    text = with_runbook(SOURCE.read_text(encoding="utf-8"), "https://git.example.org/a/docs/runbook.md")
    rules = [rule for group in yaml.safe_load(text)["spec"]["groups"] for rule in group["rules"]]
    assert [rule["annotations"]["runbook_url"] for rule in rules] == [
        "https://git.example.org/a/docs/runbook.md#" + rule["annotations"]["runbook_url"].split("#")[1]
        for rule in ALERTS.values()
    ]


@pytest.mark.parametrize("address", ["", "docs/runbook.md", "ftp://x/y", "https://x/y#z", "https://x/a b"])
def test_an_address_that_is_no_link_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="expected where"):
        with_runbook("", address)


def test_the_number_that_may_be_set_aside_is_the_one_that_is_warned_of() -> None:
    assert f"> {MOST_SET_ASIDE * 9 // 10}" in ALERTS["StreamSetAsideFull"]["expr"]


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    fired = {name for case in CASES for name in case.fires}
    assert fired == set(ALERTS)
    assert len({case.name for case in CASES}) == len(CASES)
    for name in ALERTS:
        assert any(case.silent_at for case in CASES if name in case.fires), name


def _judged(at: int, fires: tuple[str, ...]) -> dict[str, Any]:
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(fires)]
    expression = 'max by (alertname) (ALERTS{alertstate="firing"})'
    return {"expr": expression, "eval_time": f"{at}m", "exp_samples": samples}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_exactly_these_alerts_fire(case: Case, promtool: str, tmp_path: Path) -> None:
    steps = max(case.at, *case.silent_at, 180) // case.every_minutes + 2
    series = {**healthy(steps, case.every_minutes), **case.series}
    test = {
        "interval": f"{case.every_minutes}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items() if values is not None],
        "promql_expr_test": [
            _judged(case.at, case.fires),
            *(_judged(minute, ()) for minute in case.silent_at),
        ],
    }
    plan = {"rule_files": [str(MADE)], "evaluation_interval": f"{case.every_minutes}m", "tests": [test]}
    place = tmp_path / "case.yaml"
    place.write_text(yaml.safe_dump(plan, width=1000), encoding="utf-8")
    _run(promtool, "test", "rules", str(place))
