"""The slices' pods and volumes, as the API server and the slices themselves tell of them."""

import json
from typing import Any, Final

from tests.tools.deploy.cluster import get, python

_STATUS: Final = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9464/status').read().decode())"
_MEMORY: Final = "print(next(line.split()[1] for line in open('/proc/1/status') if line.startswith('VmHWM')))"


def slices() -> list[dict[str, Any]]:
    """Return the slices' pods."""
    return list(get("pods", "--selector", "app.kubernetes.io/name=stream")["items"])


def uid(pod: str) -> str:
    """Return which pod now has a name; "" where none has."""
    found = _pod(pod)
    return str(found["metadata"]["uid"]) if found else ""


def restarts(pod: str) -> int:
    """Return how many times its process was started again."""
    (status,) = get("pod", pod)["status"]["containerStatuses"]
    return int(status["restartCount"])


def is_ready(pod: str) -> bool:
    """Return whether it is there, and ready."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in _conditions(pod))


def why_pending(pod: str) -> str:
    """Return what the scheduler says of it; "" where it is not there, or placed."""
    return " ".join(each.get("message", "") for each in _conditions(pod) if each["type"] == "PodScheduled")


def volumes() -> dict[str, str]:
    """Return the slices' volume claims: name → uid."""
    found = get("persistentvolumeclaims")["items"]
    uids = {each["metadata"]["name"]: each["metadata"]["uid"] for each in found}
    return {name: uid for name, uid in uids.items() if name.startswith("state-stream-")}


def read_by(pod: str) -> int:
    """Return how many events its process has read."""
    return int(_status(pod)["read"])


def in_flight(pod: str) -> int:
    """Return how many of its requests are under way."""
    return sum(int(app["in_flight"]) for sync in _status(pod)["syncs"] for app in sync["apps"])


def memory_mib(pod: str) -> float:
    """Return how much memory its process took at most."""
    return int(python(pod, _MEMORY)) / 1024


def _status(pod: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(python(pod, _STATUS))
    return found


def _pod(name: str) -> dict[str, Any] | None:
    return next((each for each in slices() if each["metadata"]["name"] == name), None)


def _conditions(name: str) -> list[dict[str, Any]]:
    found = _pod(name)
    return list(found["status"].get("conditions", [])) if found else []
