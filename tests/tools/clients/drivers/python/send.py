"""Sends what its plan says with Amplitude's client for Python, and prints each answer that the client reports."""

import json
import sys
import threading
import time
from typing import Any

from amplitude import Amplitude, BaseEvent, Config, EventOptions, Identify, Revenue

_OTHERS = 4
"""Calls beside the orders: user, revenue, company, and the user's company."""


def main() -> None:
    """Read the plan from the first argument; leave when each event was answered, or patience is over."""
    plan = json.loads(sys.argv[1])
    waiting = threading.Semaphore(0)

    def report(event: BaseEvent, code: int, _message: str | None = None) -> None:
        number = (event["event_properties"] or {}).get("number")
        told = {"event": event["event_type"], "number": number, "code": code}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        waiting.release()

    who: dict[str, Any] = {
        "user_id": plan["user_id"],
        "device_id": plan["device_id"],
        "platform": "iOS",
        "os_name": "ios",
    }
    config = Config(server_url=plan["url"], flush_interval_millis=plan["flush_ms"], callback=report)
    client = Amplitude(plan["api_key"], config)
    client.identify(Identify().set("appsflyer_id", plan["appsflyer_id"]), EventOptions(**who))
    for number in range(plan["orders"]):
        more = {"time": -1} if number == plan["invalid_order"] else {}
        client.track(BaseEvent("Order Completed", event_properties={"number": number}, **who, **more))
        time.sleep(plan["pause_ms"] / 1000)
    client.revenue(Revenue(9.99, quantity=2, product_id="sku-1", currency="EUR"), EventOptions(**who))
    client.group_identify("company", "acme", Identify().set("seats", 5), EventOptions(**who))
    client.set_group("company", "acme", EventOptions(**who))

    end = time.monotonic() + plan["patience_s"]
    for _ in range(plan["orders"] + _OTHERS):
        if not waiting.acquire(timeout=max(end - time.monotonic(), 0)):
            break
    client.shutdown()


main()
