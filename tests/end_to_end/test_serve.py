"""`serve`: one command takes events in and sends them on, whatever becomes of the stream beside it."""

import os
import re
import signal
import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
import psutil
import pytest

from connectors.appsflyer.sandbox.certificate import CA_FILE, server_context
from flows.observe.metrics import collector_vocabulary as v
from tests.fixtures.events import appsflyer_id, order
from tests.fixtures.ports import free_port, free_ports
from tests.fixtures.scrape import scrape
from tests.fixtures.scripted_collector import scripted_collector
from tests.fixtures.serving import API_KEY, Serving
from tests.fixtures.settings import files_source, settings_text, sync_table
from tests.fixtures.stream import Run, Stream


def _stream_of(run: Run) -> psutil.Process:
    """Return the child that is the stream."""
    (child,) = psutil.Process(run.process.pid).children()
    return child


def test_an_event_that_is_posted_reaches_appsflyer_with_its_user_and_its_revenue(serving: Serving) -> None:
    """The identifier comes as SDKs send it: with an identify in the same upload, just before the event."""
    serving.configure()
    run = serving.start()
    teaches = {"user_properties": {"$set": {"appsflyer_id": appsflyer_id(7)}}}
    identify = order(7, event_type="$identify", insert_id="identify-7", event_properties=None, **teaches)
    bought = order(7, user_properties=None, price=9.99, quantity=2, ip="$remote")
    status, answer = serving.post(identify, bought)
    assert (status, answer["events_ingested"]) == (200, 2)
    serving.wait_until(lambda: serving.delivered() == [7])
    (request,) = serving.sandbox.requests
    body = request["body"]
    assert (body["appsflyer_id"], body["customer_user_id"], body["eventName"]) == (appsflyer_id(7), "user-7", "Order")
    assert '"af_revenue":"19.98"' in body["eventValue"]
    assert run.stop() == 0
    assert run.summary["read"] == 2


def test_a_retry_of_a_client_is_delivered_once(serving: Serving) -> None:
    serving.configure()
    serving.start()
    for number in (1, 1, 2):
        serving.post_order(number)
    serving.wait_until(lambda: set(serving.delivered()) == {1, 2})
    assert sorted(serving.delivered()) == [1, 2]


def test_a_stream_that_dies_is_started_again_while_events_are_taken_in(serving: Serving) -> None:
    serving.configure()
    run = serving.start()
    serving.post_order(1)
    serving.wait_until(lambda: serving.delivered() == [1])
    _stream_of(run).kill()
    run.wait_for_log("the stream ended; events are still taken in, and wait")
    serving.post_order(2)
    serving.wait_until(lambda: 2 in serving.delivered())
    assert run.stop() == 0
    assert len(serving.delivered()) <= 3  # what was answered just before a crash may be sent twice


def test_a_stream_that_cannot_start_turns_readiness_red_and_loses_nothing(serving: Serving, tmp_path: Path) -> None:
    """Its last words are told; the events go out when its trouble is over."""
    serving.configure()
    (tmp_path / "state").write_text("in the way", encoding="utf-8")
    run = serving.start()
    serving.wait_until(lambda: serving.page("/readyz")[0] == 503)
    serving.post_order(1)
    status = serving.page("/status")[1]
    assert status["stream"]["last_exit_code"] == 2
    assert any("state.directory" in line for line in status["stream"]["last_words"])
    (tmp_path / "state").unlink()
    run.process.send_signal(signal.SIGHUP)
    serving.wait_until(lambda: serving.delivered() == [1])
    assert serving.page("/readyz")[0] == 200


def test_without_an_enabled_sync_events_are_kept_until_there_is_one(serving: Serving) -> None:
    """A change of the settings file starts the stream; the collector's port stays open meanwhile."""
    serving.configure(sync_table(enabled=False))
    run = serving.start()
    run.wait_for_log("no sync is enabled")
    serving.post_order(1)
    serving.configure()
    serving.wait_until(lambda: serving.delivered() == [1])
    assert run.stop() == 0


def test_when_the_last_sync_is_disabled_the_stream_rests_until_one_is_enabled(serving: Serving) -> None:
    """It would not come up without one, and nobody is to hear of that every minute."""
    serving.configure()
    run = serving.start()
    serving.post_order(1)
    serving.wait_until(lambda: serving.delivered() == [1])
    serving.configure(sync_table(enabled=False))
    run.wait_for_log("no sync is enabled: events are taken in and wait")
    serving.post_order(2)
    assert serving.page("/readyz")[0] == 200
    assert "the stream ended" not in run.log
    serving.configure()
    serving.wait_until(lambda: serving.delivered() == [1, 2])
    assert run.stop() == 0


def test_the_stream_never_reads_elsewhere_than_events_are_taken_into(serving: Serving) -> None:
    """Only a restart takes another source: until then the stream would leave what comes in."""
    serving.configure()
    run = serving.start()
    serving.post_order(1)
    serving.wait_until(lambda: serving.delivered() == [1])
    serving.configure(source={"kind": "inbox", "directory": "another"})
    run.wait_for_log("everything goes on as it was")
    serving.configure()
    serving.post_order(2)
    serving.wait_until(lambda: serving.delivered() == [1, 2])
    assert run.stop() == 0
    assert "restart this process to take it" not in run.log  # the file says again what holds
    assert not (serving.stream.directory / "another").exists()


def test_a_key_that_cannot_be_read_is_told_once_and_holds_up_no_certificate(serving: Serving, tmp_path: Path) -> None:
    certificate, _ = _speak_tls(serving, tmp_path, api_keys=[f"file:{tmp_path / 'key'}"])
    (tmp_path / "key").write_text(API_KEY)
    run = serving.start()
    (tmp_path / "key").unlink()
    run.wait_for_log("what changed cannot be read")
    for times in (1, 2):
        os.utime(certificate)
        serving.wait_until(lambda times=times: run.log.count("the certificate was read again") == times)  # type: ignore[misc]
    assert run.log.count("what changed cannot be read") == 1
    serving.post_order(1)  # with the key that it has


def test_a_change_of_the_settings_reaches_the_stream_alone(serving: Serving) -> None:
    serving.configure()
    run = serving.start()
    serving.post_order(1)
    serving.wait_until(lambda: serving.delivered() == [1])
    serving.configure(sync_table(event=[{"name": "Order", "send_as": "af_purchase"}]))
    run.wait_for_log("settings")
    serving.wait_until(lambda: _names_after_order(serving, 2)[-1] == "af_purchase")
    serving.stream.configure("nonsense")
    run.wait_for_log("the settings have mistakes; everything goes on as it was")
    serving.post_order(100)
    serving.wait_until(lambda: 100 in serving.delivered())
    assert run.stop() == 0


def _names_after_order(serving: Serving, first: int) -> list[str]:
    serving.post_order(first + len(serving.sandbox.requests))
    return [each["body"]["eventName"] for each in serving.sandbox.requests]


def test_a_restart_goes_on_where_it_was(serving: Serving) -> None:
    serving.configure()
    run = serving.start()
    for number in range(1, 21):
        serving.post_order(number)
    assert run.stop() == 0
    run = serving.start()
    serving.post_order(21)
    serving.wait_until(lambda: len(set(serving.delivered())) == 21)
    assert run.stop() == 0
    assert sorted(serving.delivered()) == [*range(1, 22)]


def test_nobody_is_refused_while_the_stream_drains(serving: Serving) -> None:
    """Clients for Node and Go lose what they send to a closed port, so it is closed as short a time as can be."""
    serving.configure()
    run = serving.start()
    serving.sandbox.set_faults({"rule": [{"limit": 1, "delay_ms": 2500.0}]})
    serving.post_order(1)
    serving.wait_until(lambda: serving.delivered() == [1])
    stream = _stream_of(run)
    run.process.send_signal(signal.SIGTERM)
    taken = [1]
    with suppress(OSError):
        while True:
            serving.post_order(taken[-1] + 1)
            taken.append(taken[-1] + 1)
            time.sleep(0.1)
    assert not stream.is_running()
    assert run.wait() == 0
    serving.start()
    serving.wait_until(lambda: sorted(set(serving.delivered())) == taken)


def test_what_came_in_is_scraped_and_what_waits_with_it(serving: Serving) -> None:
    """Two uploads are taken, one has an unknown API key; the stream has delivered all, and notes it."""
    serving.configure()
    run = serving.start()
    assert serving.post(order(1), order(2))[0] == serving.post(order(3))[0] == 200
    assert serving.post(order(4), key="f" * 32)[0] == 400
    serving.wait_until(lambda: sorted(serving.delivered()) == [1, 2, 3])
    serving.wait_until(lambda: not scrape(serving.health_port).one(v.WAITING_EVENTS.name))
    found = scrape(serving.health_port)
    answers = found.by(v.REQUESTS.name, "path", "status")
    assert answers == {("/2/httpapi", "200"): 2, ("/2/httpapi", "400"): 1}
    assert found.total(v.EVENTS.name) == 3
    assert found.one(f"{v.DURABLE_SECONDS.name}_count") == 2
    ((key,),) = found.by(v.UNKNOWN_API_KEYS.name, "api_key")
    assert key
    assert "f" * 10 not in key
    assert found.one(v.STREAM_RUNNING.name) == found.one(v.STREAM_STARTS.name) == 1
    assert found.one(v.OLDEST_WAITING.name) == found.one(v.BLOCKED.name) == found.one(v.IN_FLIGHT.name) == 0
    assert found.one(v.INBOX_BYTES.name) > 4096
    assert run.stop() == 0


def test_status_and_check_tell_of_the_collector_that_runs(serving: Serving) -> None:
    """Also where no stream runs yet, because no sync is enabled; `check` asks with the settings' API key."""
    serving.configure(sync_table(enabled=False), health={"port": free_port()})
    serving.start()
    assert serving.post(order(1), order(2))[0] == 200
    serving.wait_until(lambda: serving.page("/status")[1].get("waiting", {}).get("events") == 2)
    status = serving.stream.start("-m", "flows", "status")
    assert status.wait() == 1
    assert "collector  2 events taken in, 0 of them invalid; 0 throttled; 2 wait, the oldest for" in status.output
    check = serving.stream.start("-m", "flows", "check", environment={"AMPLITUDE_API_KEY": API_KEY})
    check.wait()
    assert "takes what is sent with this API key" in check.output


def test_the_whole_tree_of_processes_ends_with_a_kill_of_its_root(serving: Serving) -> None:
    """And what was answered 200 is delivered by the next start."""
    serving.configure()
    run = serving.start()
    serving.wait_until(lambda: bool(psutil.Process(run.process.pid).children()))
    stream = _stream_of(run)
    serving.post_order(1)
    run.kill()
    serving.wait_until(lambda: not stream.is_running() or stream.status() == psutil.STATUS_ZOMBIE)
    serving.start()
    serving.wait_until(lambda: 1 in serving.delivered())


def test_ctrl_c_at_a_terminal_stops_the_stream_cleanly(serving: Serving) -> None:
    """A terminal sends SIGINT to all of its processes. The stream is told once: a second signal would break it off."""
    serving.configure(delivery={"endpoint": serving.sandbox.url, "max_in_flight": 1})
    serving.sandbox.set_faults({"rule": [{"delay_ms": 300.0}]})
    lead = "import os, sys; os.setsid(); os.execv(sys.executable, [sys.executable, '-m', 'flows', 'serve'])"
    run = serving.start("-c", lead)
    for number in range(5):
        serving.post_order(number)
    serving.wait_until(lambda: len(serving.delivered()) >= 1)
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.wait() == 0
    assert run.summary["read"] == 5  # who is broken off writes none
    assert sorted(serving.delivered()) == [*range(5)]


def test_what_is_taken_goes_on_to_amplitude_as_well_whatever_becomes_of_amplitude(serving: Serving) -> None:
    """Amplitude is away at first: clients are answered, AppsFlyer has the events, and a kill loses no copy."""
    away = free_port()
    serving.configure(collector={"tee": {"endpoint": f"http://127.0.0.1:{away}"}})
    run = serving.start()
    for number in (1, 2, 3):
        serving.post_order(number)
    serving.wait_until(lambda: sorted(serving.delivered()) == [1, 2, 3])
    run.kill()
    with scripted_collector() as amplitude:
        tee = {"endpoint": f"http://127.0.0.1:{amplitude.port}"}
        serving.configure(sync_table(enabled=False), collector={"tee": tee})
        run = serving.start()
        serving.post_order(4)
        serving.wait_until(lambda: amplitude.taken == {("Order", number): 1 for number in (1, 2, 3, 4)})
        assert run.stop() == 0
    assert {each.target for each in amplitude.uploads} == {"/2/httpapi"}
    assert orjson.loads(amplitude.uploads[0].body)["api_key"] == API_KEY
    assert "user-1" not in run.log


def _speak_tls(serving: Serving, tmp_path: Path, **collector: Any) -> tuple[Path, Path]:
    """Let it have a certificate that its client trusts; return the certificate's file and its key's."""
    server_context(tmp_path / "tls", "127.0.0.1")
    pem = sorted(each for each in (tmp_path / "tls").iterdir() if each.name != CA_FILE)
    certificate = next(each for each in pem if b"CERTIFICATE" in each.read_bytes())
    key = next(each for each in pem if b"PRIVATE KEY" in each.read_bytes())
    serving.scheme, serving.context = "https", ssl.create_default_context(cafile=tmp_path / "tls" / CA_FILE)
    serving.configure(collector={"certificate_file": str(certificate), "key_file": str(key), **collector})
    return certificate, key


def test_it_speaks_tls_and_takes_a_renewed_certificate(serving: Serving, tmp_path: Path) -> None:
    certificate, _ = _speak_tls(serving, tmp_path)
    run = serving.start()
    serving.post_order(1)
    os.utime(certificate)
    run.wait_for_log("the certificate was read again")
    serving.post_order(2)
    serving.wait_until(lambda: sorted(serving.delivered()) == [1, 2])


@pytest.mark.parametrize(
    ("source", "collector", "said"),
    [
        ({"kind": "inbox"}, None, "collector: missing; write [collector]"),
        (files_source("a.json"), {"port": 0}, 'source.kind: found "files", to which events cannot be added'),
        ({"kind": "inbox"}, {"port": 0, "api_keys": ["env:NOT_THERE"]}, "environment variable NOT_THERE is not set"),
        (
            {"kind": "inbox"},
            {"port": 0, "certificate_file": "none.pem", "key_file": "none.key"},
            "collector.certificate_file: cannot be used with key_file (No such file or directory)",
        ),
    ],
)
def test_what_cannot_be_served_is_refused_in_words(
    stream: Stream, source: dict[str, Any], collector: dict[str, Any] | None, said: str
) -> None:
    tables = {} if collector is None else {"collector": {"health_port": 0, **collector}}
    stream.configure(settings_text(source, **tables))
    for command in ("serve", "collect"):
        run = stream.start("-m", "flows", command)
        assert run.wait() == 2
        assert said in run.log
        assert "Traceback" not in run.log


def test_a_port_that_is_taken_is_named_and_only_the_health_port_may_be_off(serving: Serving) -> None:
    with socket.create_server(("127.0.0.1", serving.port)):
        serving.configure()
        run = serving.stream.start("-m", "flows", "serve", environment={"AMPLITUDE_API_KEY": API_KEY})
        assert run.wait() == 2
    said = run.log
    assert f"collector.port: cannot listen on 127.0.0.1, port {serving.port}" in said
    assert "expected one that is free; write another\n" in said


def test_a_first_start_without_settings_says_what_to_do(stream: Stream) -> None:
    run = stream.start("-m", "flows", "serve")
    assert run.wait() == 2
    assert re.search(r"no such file; write it with `.* init`", run.log)


def test_the_api_key_and_what_is_posted_are_in_no_log(serving: Serving) -> None:
    serving.configure()
    run = serving.start()
    serving.post(order(1, user_id="jane@example.com"))
    assert serving.post(order(2), key="f" * 32)[0] == 400
    run.wait_for_log("their API key is not in the settings")
    assert run.stop() == 0
    assert API_KEY not in run.log
    assert "f" * 32 not in run.log
    assert "jane@example.com" not in run.log


def test_the_console_is_served_beside_it_and_says_what_was_delivered(serving: Serving) -> None:
    port, health = free_ports(2)
    serving.configure(console={"port": port}, health={"port": health})
    run = serving.start()
    serving.post_order(1)
    serving.wait_until(lambda: serving.delivered() == [1])
    serving.wait_until(lambda: "running" in _console(port) and "<dd>1</dd>" in _console(port))
    assert run.stop() == 0


def test_a_port_of_the_console_that_is_taken_costs_no_event(serving: Serving) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        serving.configure(console={"port": taken.getsockname()[1]})
        run = serving.start()
        run.wait_for_log("no console is served")
        serving.post_order(1)
        serving.wait_until(lambda: serving.delivered() == [1])
    assert run.stop() == 0


def test_the_console_alone_is_served_until_a_stop_and_refuses_a_port_that_is_taken(serving: Serving) -> None:
    port = free_port()
    serving.configure(console={"port": port})
    run = serving.stream.start("-m", "flows", "console", "--url", "http://127.0.0.1:9")
    run.wait_for_log("the console is served")
    assert "cannot be reached" in _console(port)
    second = serving.stream.start("-m", "flows", "console", "--url", "http://127.0.0.1:9")
    assert second.wait() == 2
    assert "console.port: cannot listen on 127.0.0.1" in second.log
    run.process.send_signal(signal.SIGTERM)
    assert run.wait() == 0


def _console(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        text: str = answer.read().decode()
        return text
