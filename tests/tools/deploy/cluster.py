"""kubectl, as the rehearsal uses it."""

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any, Final

NAMESPACE: Final = "appsflyer-stream"
PATIENCE_SECONDS: Final = 300.0


class ClusterError(Exception):
    """The cluster refuses, or something does not come about in time."""


def kubectl(*arguments: str, text: str | None = None, may_fail: bool = False, seconds: float = 330) -> str:
    """Run kubectl in the namespace; return what it printed. Raises ClusterError."""
    command = ["kubectl", "--namespace", NAMESPACE, *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=seconds)
    if done.returncode and not may_fail:
        raise ClusterError(f"kubectl {' '.join(arguments)[:200]}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout if not done.returncode else done.stdout + done.stderr


def get(*what: str) -> dict[str, Any]:
    """Return an object, or a list of objects."""
    found: dict[str, Any] = json.loads(kubectl("get", *what, "--output", "json"))
    return found


def python(target: str, script: str, *arguments: str) -> str:
    """Run a Python script in a running pod of the stream's image; return what it printed."""
    return kubectl("exec", target, "--", "python", "-c", script, *arguments)


def evict(pod: str) -> str:
    """Ask for a pod to go, as a drain does; return the answer's reason, "" if it goes."""
    name = {"name": pod, "namespace": NAMESPACE}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": name}
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
    answer = kubectl("create", "--raw", path, "--filename", "-", text=json.dumps(eviction), may_fail=True)
    return "" if '"Success"' in answer else answer


def rolled_out(*workloads: str) -> None:
    """Wait until they are as they are wanted."""
    for each in workloads:
        kubectl("rollout", "status", each, f"--timeout={PATIENCE_SECONDS:.0f}s")


def await_that(what: str, holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds. Raises ClusterError."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise ClusterError(f"after {seconds:.0f} s still not: {what}")
        time.sleep(1)


def whereabouts() -> str:
    """Return what there is to know when something went wrong."""
    ended = "{range .items[*]}{.metadata.name}{' '}{.status.containerStatuses[*].lastState.terminated}{'\\n'}{end}"
    asked = (
        ("get", "pods"),
        ("get", "pods", "--output", f"jsonpath={ended}"),
        ("get", "events", "--field-selector", "type!=Normal"),
    )
    return "\n".join(kubectl(*each, may_fail=True) for each in asked)
