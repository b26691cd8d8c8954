"""User properties that an SDK has told once: after a restart, raw events pass filters by them and carry them."""

from typing import Any, Final

import orjson

from connectors.appsflyer.sandbox.app import SandboxServer
from tests.end_to_end.test_explain_state import _explain
from tests.end_to_end.test_forget import _everything, _forget
from tests.fixtures.events import appsflyer_id, order
from tests.fixtures.serving import Serving
from tests.fixtures.settings import files_source, settings_text, sync_table
from tests.fixtures.stream import Run, Stream

ID: Final = "1700000000000-4444444"


def _run(stream: Stream, name: str, *events: dict[str, Any]) -> Run:
    directory = stream.directory / "events"
    directory.mkdir(exist_ok=True)
    lines = [orjson.dumps({"event_type": "Order", "platform": "iOS", **each}) + b"\n" for each in events]
    (directory / f"{name}.json").write_bytes(b"".join(lines))
    run = stream.start("-m", "flows", "run", environment={"BYTEWAX_WORKERS_PER_PROCESS": "2"})
    assert run.wait() == 0, run.log
    return run


def _identify(user: str, **properties: Any) -> dict[str, Any]:
    return {"event_type": "$identify", "user_id": user, "user_properties": {"$set": properties}}


def _configure(stream: Stream, endpoint: str) -> None:
    pro = {"property": "user.plan", "is": "pro"}
    consents = [{"property": "user.consent", "is": True}]
    sync = sync_table(event=[{"name": "Order", "where": [pro]}], consent_where=consents)
    stream.configure(settings_text(files_source("events/*.json"), sync, delivery={"endpoint": endpoint}))


def test_raw_events_pass_filters_by_what_an_identify_taught_before_a_restart(stream: Stream) -> None:
    """Of users in all shards; a forgotten one's properties are gone from the disk, too."""
    users = [f"user-{number}" for number in range(12)]
    with SandboxServer.in_thread() as sandbox:
        _configure(stream, sandbox.url)
        teaches = (_identify(each, appsflyer_id=ID, plan="pro", consent=each != "user-3") for each in users)
        run = _run(stream, "1", *teaches, {"user_id": "user-0"}, {"user_id": "nobody"})
        counts = run.summary["syncs"]["production"]
        assert (counts["delivered"], counts["filtered"]) == (1, {"reserved": len(users), "not_selected": 1}), run.log
        run = _run(stream, "2", *({"user_id": each} for each in users), _identify("user-1", plan="free"))
        counts = run.summary["syncs"]["production"]
        assert (counts["delivered"], counts["filtered"]) == (len(users) - 1, {"reserved": 1, "consent": 1}), run.log
        sent = [orjson.loads(each["body"]["eventValue"]) for each in sandbox.requests]
        assert all((value["plan"], value["consent"]) == ("pro", True) for value in sent)
        explained = _explain(stream, "--state", asked={"event_type": "Order", "user_id": "user-1"})
        assert orjson.loads(explained.stdout)["kept_properties"] == {"consent": True, "plan": "free"}
        assert b"consent" in _everything(stream.directory / "state")
        done = _forget(stream, *(argument for each in users for argument in ("--user", each)))
        assert done.returncode == 0, done.stdout + done.stderr
        assert b"consent" not in _everything(stream.directory / "state" / "users")


def test_an_sdk_tells_a_property_once_and_its_later_events_are_sent_with_it(serving: Serving) -> None:
    """Taken in by HTTP: of two users' orders, that of the one who has the plan; and the copy of an addition is none."""
    pro = {"property": "user.plan", "is": "pro"}
    mapped = {"content_type": "user_properties.visits"}
    serving.configure(sync_table(event=[{"name": "Order", "where": [pro]}], fields=mapped))
    serving.start()
    for number, plan in ((1, "free"), (2, "pro")):
        teaches = {"$set": {"appsflyer_id": appsflyer_id(number), "plan": plan}, "$add": {"visits": 1}}
        identify = order(number, event_type="$identify", insert_id=f"identify-{number}", user_properties=teaches)
        for _ in range(2):
            assert serving.post(identify)[0] == 200
    assert serving.post(order(1, user_properties=None), order(2, user_properties=None))[0] == 200
    serving.wait_until(lambda: serving.delivered() == [2])
    value = orjson.loads(serving.sandbox.requests[0]["body"]["eventValue"])
    assert (value["plan"], value["visits"], value["af_content_type"]) == ("pro", 1, "1")
