"""The fault plan: what it refuses, and which requests it strikes."""

from pathlib import Path
from typing import Any

import pytest

from connectors.appsflyer.sandbox.fault_plan import FaultPlan, FaultPlanError
from connectors.appsflyer.sandbox.faults import PAGE, Fault, Faults, Subject

IOS, ANDROID = "id123456789", "com.example.app"


def pick(plan: dict[str, Any], *subjects: Subject) -> list[Fault | None]:
    faults = Faults(FaultPlan.of(plan))
    return [faults.pick(subject) for subject in subjects]


def test_an_empty_plan_does_nothing() -> None:
    assert not Faults(FaultPlan())


def test_rules_match_by_what_the_event_is() -> None:
    rule = {"event_name": ["a", "b"], "app_id": IOS, "customer_user_id": "u1", "attempt": [1, 3], "status": 503}
    right = Subject(IOS, "a", "u1", 1)
    others = (
        right._replace(event_name="c"), right._replace(app_id=ANDROID), right._replace(customer_user_id=None),
        right._replace(attempt=2),
    )  # fmt: skip
    struck = pick({"rule": [rule]}, right, *others, right._replace(attempt=3))
    assert [each is not None for each in struck] == [True, False, False, False, False, True]
    assert struck[0] == Fault("answer", 503, "Service Unavailable")


def test_the_first_rule_that_matches_counts_and_limits_run_out() -> None:
    plan = {"rule": [{"status": 500, "limit": 2}, {"status": 403}]}
    struck = pick(plan, *[Subject(IOS, "a", None, 1)] * 3)
    assert [each and (each.status, each.text) for each in struck] == [
        (500, "Internal Server Error"), (500, "Internal Server Error"), (403, "Forbidden"),
    ]  # fmt: skip


def test_a_script_goes_by_attempt_and_ends() -> None:
    plan = {"rule": [{"statuses": [500, "reset", 200], "retry_after": 2}]}
    struck = pick(plan, *(Subject(IOS, "a", None, attempt) for attempt in (1, 2, 3, 4)))
    assert [each and (each.kind, each.status) for each in struck] == [
        ("answer", 500), ("reset", 200), ("answer", 200), None,
    ]  # fmt: skip


def test_a_page_comes_with_200_unless_a_status_is_given() -> None:
    plan = {"rule": [{"kind": "page", "limit": 1}, {"kind": "page", "status": 403}]}
    struck = pick(plan, *[Subject(IOS, "a", None, 1)] * 2)
    assert [each and (each.kind, each.status, each.text) for each in struck] == [
        ("page", 200, PAGE), ("page", 403, PAGE),
    ]  # fmt: skip


def test_the_share_is_kept_and_the_seed_repeats_it() -> None:
    def struck(seed: int) -> list[bool]:
        plan = {"seed": seed, "rule": [{"rate": 0.2, "kind": "reset"}]}
        return [each is not None for each in pick(plan, *[Subject(IOS, "a", None, 1)] * 2000)]

    assert 300 < sum(struck(1)) < 500
    assert struck(1) == struck(1) != struck(2)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"rules": []}, "rules: unknown key; did you mean rule?"),
        ({"rule": [{"stauts": 500}]}, "rule.1.stauts: unknown key; did you mean status?"),
        ({"rule": [{"status": 500}, {"status": "500"}]}, "rule.2.status: Input should be a valid integer"),
        ({"rule": [{"rate": 1.5, "status": 500}]}, "rule.1.rate: Input should be less than or equal to 1"),
        ({"rule": [{"event_name": "a"}]}, "rule.1: the rule does nothing"),
        ({"rule": [{"kind": "explode"}]}, "rule.1.kind: "),
        ({"rule": [{"kind": "reset", "status": 500}]}, "reset sends no answer"),
        ({"rule": [{"kind": "page", "text": "x"}]}, "page has a text of its own"),
        ({"rule": [{"kind": "truncate", "statuses": [500]}]}, "statuses cannot go with a kind"),
        ({"rule": [{"statuses": []}]}, "a list of statuses"),
        ({"rule": [{"text": "x"}]}, "a text needs a status"),
        ([], "must be an object"),
    ],
)
def test_a_wrong_plan_is_refused_in_one_line_that_says_where(plan: Any, said: str) -> None:
    with pytest.raises(FaultPlanError) as refusal:
        FaultPlan.of(plan, "plan.toml")
    assert str(refusal.value).startswith("plan.toml: ")
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plan.toml", 'seed = 3\n[[rule]]\nevent_name = "a"\nstatuses = [500, "reset"]\nrate = 1\n'),
        ("plan.json", '{"seed":3,"rule":[{"event_name":"a","statuses":[500,"reset"],"rate":1}]}'),
    ],
)
def test_plans_are_read_from_toml_and_json(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert FaultPlan.load(tmp_path / name).model_dump(exclude_defaults=True) == {
        "seed": 3, "rule": [{"event_name": "a", "statuses": [500, "reset"]}],
    }  # fmt: skip


@pytest.mark.parametrize(("name", "content"), [("plan.toml", b"= 3"), ("plan.json", b"{"), ("plan.toml", b"\xff")])
def test_broken_files_are_refused_with_their_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FaultPlanError, match=rf"{name}: is not valid (TOML|JSON)"):
        FaultPlan.load(tmp_path / name)
    with pytest.raises(FaultPlanError, match="cannot be read"):
        FaultPlan.load(tmp_path / "missing.toml")
