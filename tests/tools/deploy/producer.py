"""The pod that produces: a Job in the rehearsal's namespace."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from tests.chaos.produced import is_wanted
from tests.tools.deploy.cluster import await_that, kubectl
from tests.tools.deploy.rehearsal import Rehearsal
from tests.tools.deploy.stand_in import accepted_bodies, copies

IMAGE: Final = "localhost/amplitude-appsflyer-stream:dev"
EVENTS_PER_SECOND: Final = 100
_HERE: Final = Path(__file__).parent


@contextmanager
def producing(rehearsal: Rehearsal, count: int) -> Iterator[None]:
    """Let a pod produce the next ids at a steady rate, and wait until all of them have arrived."""
    copies_before = copies()
    first = len(rehearsal.numbers) + 1
    name = f"producer-{first}"
    numbers = range(first, first + count)
    kubectl("delete", "configmap", "producer", may_fail=True)
    files = [f"--from-file={path}" for path in (_HERE / "produce.py", _HERE.parent / "chaos" / "produced.py")]
    kubectl("create", "configmap", "producer", *files)
    arguments = [str(first), str(count), str(EVENTS_PER_SECOND)]
    kubectl("apply", "--filename", "-", text=yaml.safe_dump(_job(name, arguments)))
    try:
        yield
    finally:
        rehearsal.numbers += numbers
    kubectl("wait", "--for=condition=complete", f"job/{name}", "--timeout=300s")
    wanted = sum(map(is_wanted, rehearsal.numbers)) - rehearsal.refused
    await_that(f"{wanted:,} have arrived", lambda: accepted_bodies() >= wanted)
    rehearsal.steps[-1].copies = copies() - copies_before


def _job(name: str, arguments: list[str]) -> dict[str, Any]:
    container = {
        "name": "producer",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "/produce/produce.py", *arguments],
        "env": [{"name": "PYTHONPATH", "value": "/produce"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "produce", "mountPath": "/produce"}],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "produce", "configMap": {"name": "producer"}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": spec}},
    }
