"""A rehearsal on a real cluster: `make kubernetes`.

    KUBECONFIG=… IMAGE_LOAD="kind load docker-image" make kubernetes

It applies deploy/overlays/local (two slices, a broker, a stand-in AppsFlyer), lets events flow, and meanwhile kills a
pod, rolls it out anew, evicts its pods and scales it from two slices to three by the written procedure. At the end the
oracle, which knows from the produced ids alone what must have arrived, judges the stand-in's record and the dead
letters. `IMAGE_LOAD` is the command that brings images into the cluster's nodes, if they have to be brought there. It
needs kubectl; the namespace must not be there yet, and is removed at the end (KEEP=1 leaves it). Exit code 0 if nothing
was lost, 1 if something was or went wrong, 2 without a cluster.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console
from rich.table import Table

from tests.chaos.oracle import Arrival, Letter, Verdict, judge, read_record
from tests.chaos.produced import is_wanted
from tests.deploy.cluster import NAMESPACE, ClusterError, await_that, evict, get, kubectl, python, rolled_out
from tests.deploy.manifests import DEPLOY, documents, pods, render

IMAGE: Final = "localhost/amplitude-appsflyer-stream:dev"
KAFKA_IMAGE: Final = "docker.io/apache/kafka:4.1.0"
HERE: Final = Path(__file__).parent
COPIES_PER_KILL: Final = 256 + 200
"""In flight, and answered within the last 50 ms: what a crash may send twice."""
EVENTS_PER_SECOND: Final = 100

SUMMARY: Final = """
import ssl, urllib.request
context = ssl.create_default_context(cafile="/sandbox/tls/ca.pem")
print(urllib.request.urlopen("https://sandbox:8443/control/summary", context=context).read().decode())
"""
SET_FAULTS: Final = """
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile="/sandbox/tls/ca.pem")
url = "https://sandbox:8443/control/faults"
urllib.request.urlopen(urllib.request.Request(url, sys.argv[1].encode(), method="PUT"), context=context)
"""
SLOW_ANSWERS: Final = '{"rule": [{"delay_ms": 300}]}'
LETTERS: Final = """
import json, sys
from confluent_kafka import Consumer, TopicPartition
topic = "amplitude-appsflyer-dead-letters"
consumer = Consumer({"bootstrap.servers": "kafka:9092", "group.id": "rehearsal", "enable.auto.commit": False})
first, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)
consumer.assign([TopicPartition(topic, 0, first)])
while first < end:
    message = consumer.poll(10)
    if message is None or message.error():
        sys.exit(f"cannot read the dead letters: {message and message.error()}")
    first = message.offset() + 1
    headers = {name: value.decode() for name, value in message.headers() or []}
    print(json.dumps([headers["reason"], (message.value() or b"").hex()]))
"""
CRASH: Final = """
import os, time
os.kill(1, 15)  # begins a clean stop …
time.sleep(0.02)
os.kill(1, 15)  # … and the second one ends it at once: nothing is drained, no snapshot is taken
"""


@dataclass
class Rehearsal:
    """What is known of one run."""

    console: Console
    workspace: Path
    """Holds a copy of deploy/, whose number of slices is changed as an operator changes it."""
    numbers: list[int] = field(default_factory=list)
    kills: int = 0
    steps: list[tuple[str, str, float]] = field(default_factory=list)
    """What was done, what was seen, and for how many seconds."""

    @property
    def overlay(self) -> Path:
        """The folder that is applied."""
        return self.workspace / "deploy" / "overlays" / "local"

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Do one thing; what it says at the end becomes its line."""
        began, seen = time.monotonic(), [""]
        with self.console.status(name):
            yield lambda text: seen.__setitem__(0, text)
        self.steps.append((name, seen[0], time.monotonic() - began))
        self.console.print(f"[green]✓[/] {name}: {seen[0]} [dim]({self.steps[-1][2]:.0f} s)[/]")


def main() -> int:
    """Rehearse; return 0 if the oracle is content."""
    console = Console(stderr=True, highlight=False)
    if shutil.which("kubectl") is None or not os.environ.get("KUBECONFIG"):
        console.print("kubectl has to be on the PATH, and KUBECONFIG has to say which cluster is meant")
        return 2
    with tempfile.TemporaryDirectory() as place:
        rehearsal = Rehearsal(console, Path(place))
        is_ours = False
        try:
            _prepare(rehearsal)
            is_ours = True
            verdict = _rehearse(rehearsal)
        except (ClusterError, subprocess.SubprocessError) as error:
            console.print(f"[red]✗[/] {error}")
            if is_ours:
                console.print(kubectl("get", "pods", may_fail=True), markup=False)
                console.print(kubectl("get", "events", "--field-selector", "type!=Normal", may_fail=True), markup=False)
            return 1
        finally:
            if is_ours and os.environ.get("KEEP") != "1":
                kubectl("delete", "namespace", NAMESPACE, "--wait=true", may_fail=True)
        return _report(rehearsal, verdict)


def _prepare(rehearsal: Rehearsal) -> None:
    if get("namespaces", "--field-selector", f"metadata.name={NAMESPACE}")["items"]:
        raise ClusterError(f"the namespace {NAMESPACE} is there already; delete it first")
    shutil.copytree(DEPLOY, rehearsal.workspace / "deploy")
    deploy = rehearsal.workspace / "deploy"
    for place in (rehearsal.overlay, deploy / "settings"):
        shutil.copy(HERE / "rehearsal.toml", place / "stream.toml")
    name, _, tag = IMAGE.rpartition(":")
    component = yaml.safe_load((deploy / "image" / "kustomization.yaml").read_text(encoding="utf-8"))
    component["images"][0].update(newName=name, newTag=tag)
    (deploy / "image" / "kustomization.yaml").write_text(yaml.safe_dump(component), encoding="utf-8")
    if command := os.environ.get("IMAGE_LOAD"):
        with rehearsal.step("bring the images into the cluster") as say:
            subprocess.run([*shlex.split(command), IMAGE, KAFKA_IMAGE], check=True, capture_output=True)
            say(f"{IMAGE}, {KAFKA_IMAGE}")


def _rehearse(rehearsal: Rehearsal) -> Verdict:
    _roll_out(rehearsal)
    claims = _claims()
    _events_flow(rehearsal)
    _a_pod_is_killed(rehearsal)
    _a_rolling_restart(rehearsal)
    _an_eviction_is_stopped(rehearsal)
    _another_number_on_the_fly(rehearsal)
    _from_two_to_three(rehearsal, claims)
    return _judged(rehearsal)


def _roll_out(rehearsal: Rehearsal) -> None:
    with rehearsal.step("apply deploy/overlays/local") as say:
        kubectl("apply", "--kustomize", str(rehearsal.overlay))
        rolled_out("statefulset/kafka", "deployment/sandbox", "statefulset/stream")
        kubectl("wait", "--for=condition=complete", "job/topics", "--timeout=300s")
        ready = [each["metadata"]["name"] for each in get("pods")["items"] if each["status"]["phase"] == "Running"]
        say(", ".join(sorted(ready)))
    with rehearsal.step("the API server takes each template as a Pod, to the last field") as say:
        made = pods(documents(render(rehearsal.overlay)))
        for each in made:
            arguments = ("apply", "--dry-run=server", "--validate=strict", "--filename", "-")
            kubectl(*arguments, text=yaml.safe_dump(each))
        say(f"{len(made)} taken")
    with rehearsal.step("a pod that is not restricted is refused") as say:
        careless = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "careless"},
            "spec": {"containers": [{"name": "careless", "image": IMAGE}]},
        }
        answer = kubectl("apply", "--dry-run=server", "--filename", "-", text=json.dumps(careless), may_fail=True)
        if 'violates PodSecurity "restricted' not in answer:
            raise ClusterError(f"it was not: {answer}")
        say("by the namespace's pod security")


def _events_flow(rehearsal: Rehearsal) -> None:
    with rehearsal.step("events flow") as say, _producing(rehearsal, 2000):
        await_that("half of them arrived", lambda: _accepted_bodies() > 1000)
        each = [_of_slice(index) for index in (0, 1)]
        say(f"{_accepted_bodies():,} arrived; read by the slices: {', '.join(f'{read:,}' for read in each)}")
        if not all(each):
            raise ClusterError("a slice reads nothing")


def _a_pod_is_killed(rehearsal: Rehearsal) -> None:
    with rehearsal.step("kill a slice's process, then a whole pod") as say, _producing(rehearsal, 2000):
        # Slow answers, so that there is something in flight to be lost or sent twice.
        python("deployment/sandbox", SET_FAULTS, SLOW_ANSWERS)
        time.sleep(3)
        restarts = _restarts("stream-0")
        kubectl("exec", "stream-0", "--", "python", "-c", CRASH, may_fail=True)  # it is ended with the process
        rehearsal.kills += 1
        await_that("it was started again", lambda: _restarts("stream-0") > restarts)
        before = get("pod", "stream-1")["metadata"]["uid"]
        kubectl("delete", "pod", "stream-1", "--grace-period=0", "--force")
        rehearsal.kills += 1
        await_that("there is another pod", lambda: _uid("stream-1") not in {before, ""})
        rolled_out("statefulset/stream")
        python("deployment/sandbox", SET_FAULTS, "{}")
        say("both are back")


def _a_rolling_restart(rehearsal: Rehearsal) -> None:
    with rehearsal.step("a rolling restart") as say, _producing(rehearsal, 2000):
        before = {_uid(f"stream-{index}") for index in (0, 1)}
        kubectl("rollout", "restart", "statefulset/stream")
        rolled_out("statefulset/stream")
        if before & {_uid(f"stream-{index}") for index in (0, 1)}:
            raise ClusterError("a pod was not replaced")
        say("one after the other")


def _an_eviction_is_stopped(rehearsal: Rehearsal) -> None:
    with rehearsal.step("evict both pods") as say, _producing(rehearsal, 2000):
        first = evict("stream-0")
        if first:
            raise ClusterError(f"not even one goes: {first}")
        answer = evict("stream-1")
        if "disruption budget" not in answer:
            raise ClusterError(f"the second one was not stopped: {answer or 'it goes'}")
        await_that("the first one is ready again", lambda: _is_ready("stream-0"))
        rolled_out("statefulset/stream")
        await_that("the second one may go", lambda: evict("stream-1") == "")
        await_that("it is ready again", lambda: _is_ready("stream-1"))
        rolled_out("statefulset/stream")
        say("the second one was stopped by the budget until the first was back")


def _another_number_on_the_fly(rehearsal: Rehearsal) -> None:
    with rehearsal.step("apply another number of slices to running ones") as say, _producing(rehearsal, 2000):
        _set_slices(rehearsal, 3)
        kubectl("apply", "--kustomize", str(rehearsal.overlay))
        await_that("the third waits", lambda: "anti-affinity" in _why_pending("stream-2"))
        time.sleep(10)
        numbers = {
            each["metadata"]["labels"]["stream-slices"]
            for each in _stream_pods()
            if each["status"]["phase"] == "Running"
        }
        if numbers != {"2"}:
            raise ClusterError(f"slices of {' and '.join(sorted(numbers))} run at the same time")
        _set_slices(rehearsal, 2)
        kubectl("apply", "--kustomize", str(rehearsal.overlay))
        rolled_out("statefulset/stream")
        say("they wait until all the others are gone")


def _from_two_to_three(rehearsal: Rehearsal, claims: dict[str, str]) -> None:
    """Follow deploy/README.md, «Another number of slices»."""
    with rehearsal.step("scale from two slices to three") as say, _producing(rehearsal, 3000):
        kubectl("scale", "statefulset/stream", "--replicas=0")
        await_that("the slices have stopped", lambda: not _stream_pods())
        folder = rehearsal.workspace / "deploy" / "jobs" / "reslice"
        written = subprocess.run(
            [folder / "job.sh", "2", "3"],
            env={**os.environ, "STORAGE": "1Gi"},
            capture_output=True,
            check=True,
        )
        (folder / "job.yaml").write_bytes(written.stdout)
        kubectl("apply", "--kustomize", str(folder))
        kubectl("wait", "--for=condition=complete", "job/reslice", "--timeout=300s")
        dealt = kubectl("logs", "job/reslice").splitlines()[0]
        kubectl("delete", "job", "reslice")
        _set_slices(rehearsal, 3)
        kubectl("apply", "--kustomize", str(rehearsal.overlay))
        rolled_out("statefulset/stream")
        if not claims.items() < _claims().items():
            raise ClusterError(f"a volume is another one: {claims} → {_claims()}")
        await_that("the third reads", lambda: _of_slice(2) > 0)
        say(f"{dealt}; the volumes are the same, and one more")


def _judged(rehearsal: Rehearsal) -> Verdict:
    with rehearsal.step("everything arrives") as say:
        wanted = sum(map(is_wanted, rehearsal.numbers))
        await_that(f"{wanted} events arrived", lambda: _accepted_bodies() >= wanted)
        kubectl("scale", "statefulset/stream", "--replicas=0")
        await_that("the slices have stopped", lambda: not _stream_pods())
        say(f"{wanted:,} wanted ones of {len(rehearsal.numbers):,}")
    with rehearsal.step("ask the oracle") as say:
        verdict = judge(rehearsal.numbers, _arrivals(rehearsal), _letters())
        say(f"{len(verdict.lost)} lost, {verdict.copies} sent twice")
    return verdict


def _report(rehearsal: Rehearsal, verdict: Verdict) -> int:
    allowed = rehearsal.kills * COPIES_PER_KILL
    table = Table("what was done", "what was seen", "seconds", title="rehearsal")
    for name, seen, seconds in rehearsal.steps:
        table.add_row(name, seen, f"{seconds:.0f}")
    rehearsal.console.print(table)
    figures = Table("events", "arrived", "lost", "changed", "invented", "sent twice", "allowed", "dead letters")
    letters = ", ".join(f"{reason} {count}" for reason, count in sorted(verdict.letters.items())) or "none"
    figures.add_row(
        *(f"{each:,}" for each in (verdict.events, verdict.arrived, len(verdict.lost), len(verdict.changed))),
        *(f"{each:,}" for each in (len(verdict.invented), verdict.copies, allowed)),
        letters,
    )
    rehearsal.console.print(figures)
    problems = verdict.problems(copies_allowed=allowed)
    for each in problems:
        rehearsal.console.print(f"[red]✗[/] {each}")
    return int(bool(problems))


@contextmanager
def _producing(rehearsal: Rehearsal, count: int) -> Iterator[None]:
    """Let a pod produce the next ids at a steady rate, and wait until it has."""
    first = len(rehearsal.numbers) + 1
    name = f"producer-{first}"
    numbers = range(first, first + count)
    kubectl("delete", "configmap", "producer", may_fail=True)
    files = [f"--from-file={path}" for path in (HERE / "produce.py", HERE.parent / "chaos" / "produced.py")]
    kubectl("create", "configmap", "producer", *files)
    arguments = [str(first), str(count), str(EVENTS_PER_SECOND)]
    kubectl("apply", "--filename", "-", text=yaml.safe_dump(_producer(name, arguments)))
    try:
        yield
    finally:
        rehearsal.numbers += numbers
    kubectl("wait", "--for=condition=complete", f"job/{name}", "--timeout=300s")


def _producer(name: str, arguments: list[str]) -> dict[str, Any]:
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


def _accepted_bodies() -> int:
    # The sandbox's own pod: it is there whatever happens to the slices.
    summary: dict[str, Any] = json.loads(python("deployment/sandbox", SUMMARY))
    return int(summary["accepted_bodies"])


def _of_slice(index: int) -> int:
    script = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9464/status').read().decode())"
    status: dict[str, Any] = json.loads(python(f"stream-{index}", script))
    return int(status["read"])


def _arrivals(rehearsal: Rehearsal) -> list[Arrival]:
    record = rehearsal.workspace / "record.ndjson"
    record.write_text(kubectl("exec", "deployment/sandbox", "--", "cat", "/sandbox/record.ndjson"), encoding="utf-8")
    return read_record(record)


def _letters() -> list[Letter]:
    lines = python("deployment/sandbox", LETTERS).splitlines()
    return [Letter(reason, bytes.fromhex(value)) for reason, value in map(json.loads, lines)]


def _claims() -> dict[str, str]:
    """Return the slices' volumes: name → uid."""
    found = get("persistentvolumeclaims")["items"]
    uids = {each["metadata"]["name"]: each["metadata"]["uid"] for each in found}
    return {name: uid for name, uid in uids.items() if name.startswith("state-stream-")}


def _set_slices(rehearsal: Rehearsal, count: int) -> None:
    place = rehearsal.overlay / "kustomization.yaml"
    text, changed = re.subn(r"(?m)^    count: \d+$", f"    count: {count}", place.read_text(encoding="utf-8"))
    if changed != 1:
        raise ClusterError(f"{place} has {changed} counts")
    place.write_text(text, encoding="utf-8")


def _why_pending(pod: str) -> str:
    """Return what the scheduler says of a pod; "" where it is none, or placed."""
    found = next((each for each in _stream_pods() if each["metadata"]["name"] == pod), None)
    conditions = found["status"].get("conditions", []) if found else []
    return " ".join(each.get("message", "") for each in conditions if each["type"] == "PodScheduled")


def _stream_pods() -> list[dict[str, Any]]:
    return list(get("pods", "--selector", "app.kubernetes.io/name=stream")["items"])


def _uid(pod: str) -> str:
    return next((str(each["metadata"]["uid"]) for each in _stream_pods() if each["metadata"]["name"] == pod), "")


def _restarts(pod: str) -> int:
    (status,) = get("pod", pod)["status"]["containerStatuses"]
    return int(status["restartCount"])


def _is_ready(pod: str) -> bool:
    found = next((each for each in _stream_pods() if each["metadata"]["name"] == pod), None)
    conditions = found["status"].get("conditions", []) if found else []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


if __name__ == "__main__":
    sys.exit(main())
