"""The sync plan: what a reload exchanges between two batches."""

from pathlib import Path
from typing import Final

from flows.domain.ledger import Ledger
from flows.domain.warm_up import WarmUp
from flows.operators.identity_rules import identity_rules, logins_of
from flows.operators.sync_plan import SyncPlan
from flows.settings.file import parse
from flows.settings.model import Settings
from tests.fixtures.explained import APPS, SOURCE

PRO: Final = 'events = "all"\nconsent_where = [{ property = "user.plan.tier", is = "pro" }]\n'
AGE: Final = 'events = "all"\nfields = { order_id = "user_properties.order" }\n'


def settings(sync: str) -> Settings:
    return parse(f'{SOURCE}[identity]\nkeep_properties = ["city"]\n[[sync]]\nname = "s"\n{APPS}{sync}', Path("x.toml"))


def test_a_reload_changes_which_user_properties_are_kept() -> None:
    """Without a restart, as filters and mappings are exchanged; all that keep properties go by the same names."""
    first = settings(PRO)
    rules = identity_rules(first)
    plan = SyncPlan(first, Ledger(["s"], 10), lambda: 0, WarmUp(), logins_of(rules), rules.keep)
    kept = [rules.keep.names]
    plan.use(settings(AGE))
    kept.append(rules.keep.names)
    assert kept == [("city", "plan", "plan.tier"), ("city", "order")]
