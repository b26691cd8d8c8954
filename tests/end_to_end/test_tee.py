"""The tee as users run it: what clients were told is taken reaches Amplitude, whatever becomes of the collector."""

from tests.fixtures.posting import Posting
from tests.fixtures.scripted_collector import Answer, Upload, accepted, scripted_collector
from tests.fixtures.serving import API_KEY, Serving
from tests.fixtures.settings import sync_table

KILLS = 2
CLIENTS = 4


def _now_and_then_in_trouble(upload: Upload) -> Answer:
    return (503, {"code": 503}) if upload.number % 40 == 3 else accepted(upload)


def test_kills_of_the_collector_lose_no_copy_of_what_was_taken(serving: Serving) -> None:
    """Amplitude may get twice what was on its way; it knows events again by their `insert_id`."""
    posting = Posting(serving.port, API_KEY, CLIENTS, seed=7)
    with scripted_collector(_now_and_then_in_trouble) as amplitude:
        tee = {"endpoint": f"http://127.0.0.1:{amplitude.port}"}
        serving.configure(sync_table(enabled=False), collector={"tee": tee})
        run = serving.start("collect")
        with posting.running():
            for _ in range(KILLS):
                posting.wait_for(40)
                run.kill()
                run = serving.start("collect")
            posting.wait_for(60)
        serving.wait_until(lambda: posting.taken <= {number for _, number in amplitude.taken})
        serving.wait_until(lambda: serving.page("/status")[1]["tee"]["waiting_requests"] == 0)
        assert serving.page("/status")[1]["tee"]["dropped_events"] == {}
        assert run.stop() == 0
    assert set(amplitude.taken) <= {("Order", number) for number in posting.sent}
