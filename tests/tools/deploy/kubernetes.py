"""A rehearsal on a real cluster: `make kubernetes`.

    KUBECONFIG=… IMAGE_LOAD="kind load docker-image" make kubernetes

It applies deploy/overlays/local (two slices, a broker, a stand-in AppsFlyer), lets events flow, and meanwhile kills a
pod, rolls it out anew, evicts its pods, scales it from two slices to three by the written procedure, and replays dead
letters by the Job. At the end the oracle, which knows from the produced ids alone what must have arrived, judges the
stand-in's record and the dead letters. `IMAGE_LOAD` is the command that brings images into the cluster's nodes, if they
have to be brought there. It needs kubectl; the namespace must not be there yet, and is removed at the end (KEEP=1
leaves it). Exit code 0 if nothing was lost, 1 if something was or went wrong, 2 without a cluster.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console
from rich.table import Table

from tests.chaos.oracle import Verdict, judge
from tests.chaos.produced import is_wanted
from tests.tools.deploy.cluster import NAMESPACE, ClusterError, await_that, evict, get, kubectl, rolled_out, whereabouts
from tests.tools.deploy.manifests import DEPLOY, Document, applied, documents, pods, render
from tests.tools.deploy.producer import IMAGE, producing
from tests.tools.deploy.rehearsal import Rehearsal
from tests.tools.deploy.slices import (
    in_flight,
    is_ready,
    memory_mib,
    read_by,
    restarts,
    slices,
    uid,
    volumes,
    why_pending,
)
from tests.tools.deploy.stand_in import accepted_bodies, arrivals, letters, set_faults

KAFKA_IMAGE: Final = "docker.io/apache/kafka:4.1.0"
HERE: Final = Path(__file__).parent
COPIES_PER_KILL: Final = 256 + 200
"""In flight, and answered within the last 50 ms: what a crash may send twice."""
SLOW_ANSWERS: Final = {"rule": [{"delay_ms": 4000}]}
"""A pod that is deleted by force has two seconds, and cannot drain."""
UNDER_WAY: Final = 50
REFUSED: Final = 50
REFUSALS: Final = {"rule": [{"status": 400, "limit": REFUSED}]}
CRASH: Final = """
import os, time
os.kill(1, 15)  # begins a clean stop …
time.sleep(0.5)  # two that come too close are one
os.kill(1, 15)  # … and the second one ends it at once: nothing is drained, no snapshot is taken
"""


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
                console.print(whereabouts(), markup=False, soft_wrap=True)
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
    claims = volumes()
    _events_flow(rehearsal)
    _a_pod_is_killed(rehearsal)
    _a_rolling_restart(rehearsal)
    _an_eviction_is_stopped(rehearsal)
    _another_number_on_the_fly(rehearsal)
    _from_two_to_three(rehearsal, claims)
    _refused_ones_are_replayed(rehearsal)
    return _judged(rehearsal)


def _roll_out(rehearsal: Rehearsal) -> None:
    deploy = rehearsal.workspace / "deploy"
    everything = [documents(render(deploy / folder.relative_to(DEPLOY))) for folder in applied()]
    with rehearsal.step("the API server takes every folder of deploy/, to the last field") as say:
        kubectl("apply", "--filename", str(deploy / "base" / "namespace.yaml"))
        for each in everything:
            _would_be_taken([one for one in each if not one["apiVersion"].startswith("monitoring.")])
        say(f"{sum(map(len, everything))} objects")
    with rehearsal.step("apply deploy/overlays/local") as say:
        kubectl("apply", "--kustomize", str(rehearsal.overlay))
        rolled_out("statefulset/kafka", "deployment/sandbox", "statefulset/stream")
        kubectl("wait", "--for=condition=complete", "job/topics", "--timeout=300s")
        ready = [each["metadata"]["name"] for each in get("pods")["items"] if each["status"]["phase"] == "Running"]
        say(", ".join(sorted(ready)))
    with rehearsal.step("… and each template as a Pod") as say:
        made = [pod for each in everything for pod in pods(each)]
        _would_be_taken(made)
        say(f"{len(made)} pods")
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


def _would_be_taken(found: list[Document]) -> None:
    """Let the API server look at them, which makes nothing. Raises ClusterError if it refuses one."""
    kubectl(
        *("apply", "--dry-run=server", "--validate=strict", "--filename", "-"),
        text=yaml.safe_dump_all(found),
    )


def _events_flow(rehearsal: Rehearsal) -> None:
    with rehearsal.step("events flow") as say, producing(rehearsal, 2000):
        await_that("half of them arrived", lambda: accepted_bodies() > 1000)
        each = [read_by(f"stream-{index}") for index in (0, 1)]
        say(f"{accepted_bodies():,} arrived; read by the slices: {', '.join(f'{read:,}' for read in each)}")
        if not all(each):
            raise ClusterError("a slice reads nothing")


def _a_pod_is_killed(rehearsal: Rehearsal) -> None:
    with rehearsal.step("kill a slice's process", may_repeat=True) as say, producing(rehearsal, 2000):
        with _slow_answers("stream-0"):
            before = restarts("stream-0")
            kubectl("exec", "stream-0", "--", "python", "-c", CRASH, may_fail=True)  # it is ended with the process
            await_that("it was started again", lambda: restarts("stream-0") > before)
        rolled_out("statefulset/stream")
        say("it was started again")
    with rehearsal.step("kill a pod", may_repeat=True) as say, producing(rehearsal, 2000):
        with _slow_answers("stream-1"):
            killed = uid("stream-1")
            kubectl("delete", "pod", "stream-1", "--grace-period=0", "--force")
            await_that("there is another pod", lambda: uid("stream-1") not in {killed, ""})
        rolled_out("statefulset/stream")
        say("another one has its volume")


@contextmanager
def _slow_answers(pod: str) -> Iterator[None]:
    """Let requests pile up, so that there is something to be lost or sent twice."""
    set_faults(SLOW_ANSWERS)
    await_that(f"{UNDER_WAY} requests are under way", lambda: in_flight(pod) >= UNDER_WAY)
    yield
    set_faults({})


def _a_rolling_restart(rehearsal: Rehearsal) -> None:
    with rehearsal.step("a rolling restart") as say, producing(rehearsal, 2000):
        before = {uid(f"stream-{index}") for index in (0, 1)}
        kubectl("rollout", "restart", "statefulset/stream")
        rolled_out("statefulset/stream")
        if before & {uid(f"stream-{index}") for index in (0, 1)}:
            raise ClusterError("a pod was not replaced")
        say("one after the other")


def _an_eviction_is_stopped(rehearsal: Rehearsal) -> None:
    with rehearsal.step("evict both pods") as say, producing(rehearsal, 2000):
        first = evict("stream-0")
        if first:
            raise ClusterError(f"not even one goes: {first}")
        answer = evict("stream-1")
        if "disruption budget" not in answer:
            raise ClusterError(f"the second one was not stopped: {answer or 'it goes'}")
        await_that("the first one is ready again", lambda: is_ready("stream-0"))
        rolled_out("statefulset/stream")
        await_that("the second one may go", lambda: evict("stream-1") == "")
        await_that("it is ready again", lambda: is_ready("stream-1"))
        rolled_out("statefulset/stream")
        say("the second one was stopped by the budget until the first was back")


def _another_number_on_the_fly(rehearsal: Rehearsal) -> None:
    with rehearsal.step("apply another number of slices to running ones") as say, producing(rehearsal, 2000):
        _set_slices(rehearsal, 3)
        kubectl("apply", "--kustomize", str(rehearsal.overlay))
        await_that("the third waits", lambda: "anti-affinity" in why_pending("stream-2"))
        time.sleep(10)
        numbers = {
            each["metadata"]["labels"]["stream-slices"] for each in slices() if each["status"]["phase"] == "Running"
        }
        if numbers != {"2"}:
            raise ClusterError(f"slices of {' and '.join(sorted(numbers))} run at the same time")
        _set_slices(rehearsal, 2)
        kubectl("apply", "--kustomize", str(rehearsal.overlay))
        rolled_out("statefulset/stream")
        say("they wait until all the others are gone")


def _from_two_to_three(rehearsal: Rehearsal, claims: dict[str, str]) -> None:
    """Follow deploy/README.md, «Another number of slices»."""
    with rehearsal.step("scale from two slices to three") as say, producing(rehearsal, 3000):
        kubectl("scale", "statefulset/stream", "--replicas=0")
        await_that("the slices have stopped", lambda: not slices())
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
        if not claims.items() < volumes().items():
            raise ClusterError(f"a volume is another one: {claims} → {volumes()}")
        await_that("the third reads", lambda: read_by("stream-2") > 0)
        say(f"{dealt}; the volumes are the same, and one more")


def _refused_ones_are_replayed(rehearsal: Rehearsal) -> None:
    with rehearsal.step("refuse some, and replay them by the Job beside the running slices") as say:
        set_faults(REFUSALS)
        rehearsal.refused = REFUSED
        with producing(rehearsal, 1000):
            await_that(
                "they are dead letters", lambda: sum(letter.reason == "rejected" for letter in letters()) >= REFUSED
            )
        set_faults({})
        folder = rehearsal.workspace / "deploy" / "jobs" / "replay"
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
        kustomization["patches"] = [{"patch": yaml.safe_dump(_replay_patch())}]
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
        kubectl("apply", "--kustomize", str(folder))
        kubectl("wait", "--for=condition=complete", "job/replay", "--timeout=300s")
        told = kubectl("logs", "job/replay")
        if f"{REFUSED} replayed" not in told:
            raise ClusterError(f"not {REFUSED} were replayed: {told}")
        say(f"{REFUSED} refused, {REFUSED} replayed")


def _replay_patch() -> dict[str, Any]:
    """Return what an operator writes into the Job, and what a cluster without AppsFlyer needs."""
    mount = {"name": "sandbox", "mountPath": "/sandbox", "readOnly": True}
    arguments = ["replay", "--reason=rejected", "--rate=50/s"]
    spec = {
        "containers": [{"name": "replay", "args": arguments, "volumeMounts": [mount]}],
        "volumes": [{"name": "sandbox", "persistentVolumeClaim": {"claimName": "sandbox"}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "replay"},
        "spec": {"template": {"spec": spec}},
    }


def _judged(rehearsal: Rehearsal) -> Verdict:
    with rehearsal.step("everything arrives") as say:
        wanted = sum(map(is_wanted, rehearsal.numbers))
        await_that(f"{wanted} events arrived", lambda: accepted_bodies() >= wanted)
        most = max(memory_mib(f"stream-{index}") for index in range(3))
        kubectl("scale", "statefulset/stream", "--replicas=0")
        await_that("the slices have stopped", lambda: not slices())
        say(f"{wanted:,} wanted ones of {len(rehearsal.numbers):,}; a slice took at most {most:.0f} MiB of memory")
    with rehearsal.step("ask the oracle") as say:
        # Those that were replayed must have arrived.
        found = [each for each in letters() if each.reason != "rejected"]
        verdict = judge(rehearsal.numbers, arrivals(rehearsal.workspace), found)
        say(f"{len(verdict.lost)} lost, {verdict.copies} sent twice")
    return verdict


def _report(rehearsal: Rehearsal, verdict: Verdict) -> int:
    allowed = sum(step.may_repeat for step in rehearsal.steps) * COPIES_PER_KILL
    table = Table("what was done", "what was seen", "sent twice", "seconds", title="rehearsal")
    for step in rehearsal.steps:
        table.add_row(step.name, step.seen, f"{step.copies:,}", f"{step.seconds:.0f}")
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
    for step in rehearsal.steps:
        limit = COPIES_PER_KILL if step.may_repeat else 0
        if step.copies > limit:
            problems.append(f"{step.name}: {step.copies} sent twice; at most {limit} may be")
    for each in problems:
        rehearsal.console.print(f"[red]✗[/] {each}")
    return int(bool(problems))


def _set_slices(rehearsal: Rehearsal, count: int) -> None:
    place = rehearsal.overlay / "kustomization.yaml"
    text, changed = re.subn(r"(?m)^    count: \d+$", f"    count: {count}", place.read_text(encoding="utf-8"))
    if changed != 1:
        raise ClusterError(f"{place} has {changed} counts")
    place.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
