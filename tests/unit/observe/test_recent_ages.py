"""How long deliveries took lately: each app's own, and without what is older than the window."""

from flows.observe.recent import WINDOW_SECONDS, Recent
from flows.observe.status import status
from tests.fixtures.process import MakeProcess
from tests.fixtures.settings import sync_table


def test_ages_are_those_of_the_window_alone(make_process: MakeProcess) -> None:
    parts = make_process(sync_table("main")).parts
    now = 0.0
    recent = Recent(parts, lambda: now)
    app = next(parts.apps())
    assert sum(recent.ages(app)["counts"]) == 0
    tally = parts.tally.lanes.setdefault(app.lane, parts.answers(app))
    tally.age_seconds.add(0.2)
    now = WINDOW_SECONDS / 2
    recent.look()
    tally.age_seconds.add(100.0)
    assert sum(recent.ages(app)["counts"]) == 2
    now = WINDOW_SECONDS * 1.5
    recent.look()
    ages = recent.ages(app)
    assert sum(ages["counts"]) == 1
    assert ages["bounds"][ages["counts"].index(1)] == 120
    assert status(parts, recent)["syncs"][0]["apps"][0]["recent_age_seconds"] == ages
