"""Render what deploy/ holds and check it strictly: `python -m tests.tools.deploy.manifests`, or `make manifests`.

Needs kustomize (or kubectl), kubeconform and kube-score on the PATH. `KUBE_SCHEMAS` is where kubeconform finds the JSON
schemas of Kubernetes; without it, it fetches them. Exit code 0 if nothing is wrong, 1 if something is, 2 without the
tools.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console

DEPLOY: Final = Path(__file__).parents[3] / "deploy"
KUBERNETES: Final = "1.31.0"
CRD_SCHEMAS: Final = DEPLOY / "schemas" / "{{.Group}}" / "{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"
NOT_SCORED: Final = {
    "container-cpu-limit": "a limit throttles a slice that catches up though the node has time left; requests share it",
}
"""What kube-score is not asked for anywhere, and why. What is ignored for one object says so beside it."""
GIVEN_BY_THE_OPERATOR: Final = {("Secret", "appsflyer"), ("Secret", "kafka"), ("Secret", "amplitude")}
"""What the manifests refer to and must not hold."""

Document = dict[str, Any]


class ToolError(Exception):
    """A tool is missing, or refuses what it was given."""


def applied() -> list[Path]:
    """Return the folders that an operator applies."""
    return sorted(each.parent for each in DEPLOY.glob("*/*/kustomization.yaml"))


def render(folder: Path) -> str:
    """Return a folder's manifests. Raises ToolError."""
    command = ["kustomize", "build"] if shutil.which("kustomize") else ["kubectl", "kustomize"]
    return _output([*command, str(folder)])


def documents(manifests: str) -> list[Document]:
    """Read them."""
    return [each for each in yaml.safe_load_all(manifests) if each]


def pods(found: list[Document]) -> list[Document]:
    """Return each workload's pod as a Pod: an API server hardly looks into the template of a StatefulSet."""
    made = []
    for each in found:
        template = each.get("spec", {}).get("template")
        if each["kind"] not in {"StatefulSet", "Deployment", "Job"} or template is None:
            continue
        claims = [claim["metadata"]["name"] for claim in each["spec"].get("volumeClaimTemplates", [])]
        volumes = [{"name": name, "persistentVolumeClaim": {"claimName": f"{name}-0"}} for name in claims]
        spec = {**template["spec"], "volumes": [*template["spec"].get("volumes", []), *volumes]}
        name = f"{each['metadata']['name']}-{each['kind'].lower()}"
        metadata = {**template["metadata"], "name": name, "namespace": each["metadata"]["namespace"]}
        made.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return made


def invalid(manifests: str) -> list[str]:
    """Return what the schemas refuse, fields that they do not know among it. Raises ToolError."""
    schemas = os.environ.get("KUBE_SCHEMAS") or "default"
    command = ["kubeconform", "-strict", "-kubernetes-version", KUBERNETES, "-output", "json", "-summary"]
    command += ["-schema-location", schemas, "-schema-location", str(CRD_SCHEMAS), "-"]
    report = json.loads(_output(command, manifests, may_fail=True))
    if not report["summary"]["valid"] and not report["resources"]:
        raise ToolError("kubeconform has looked at nothing")
    return [f"{each['kind']} {each['name']}: {each['msg']}" for each in report["resources"] or []]


def criticised(manifests: str) -> list[str]:
    """Return what kube-score would do otherwise. Raises ToolError."""
    command = ["kube-score", "score", "--kubernetes-version", "v1.31", "--output-format", "ci", "-"]
    command += [f"--ignore-{name}" for name in NOT_SCORED]
    lines = _output(command, manifests, may_fail=True).splitlines()
    if not any(line.startswith("[OK]") for line in lines):
        raise ToolError("kube-score has looked at nothing")
    return [line for line in lines if line.startswith(("[CRITICAL]", "[WARNING]"))]


def dangling(found: list[Document]) -> Iterator[str]:
    """Yield what refers to nothing: mounts, probes' ports, ConfigMaps and Secrets, selectors."""
    names = {(each["kind"], each["metadata"]["name"]) for each in found} | GIVEN_BY_THE_OPERATOR
    made = pods(found)
    for pod in made:
        yield from _dangling_in_pod(pod, names)
    labels = [pod["metadata"]["labels"] for pod in made]
    for each in found:
        for selector in _selectors(each):
            if made and not any(_matches(selector, one) for one in labels):
                yield f"{each['kind']} {each['metadata']['name']}: selects no pod: {selector}"


def problems(folder: Path) -> list[str]:
    """Return everything that is wrong with a folder. Raises ToolError."""
    manifests = render(folder)
    found = documents(manifests)
    as_pods = yaml.safe_dump_all(pods(found))
    return [
        *invalid(manifests),
        *(f"as a Pod: {each}" for each in invalid(as_pods)),
        *dangling(found),
        *criticised(manifests),
    ]


def missing_tools() -> list[str]:
    """Return which tools are not on the PATH."""
    missing = [name for name in ("kubeconform", "kube-score") if shutil.which(name) is None]
    return missing if shutil.which("kustomize") or shutil.which("kubectl") else ["kustomize", *missing]


def main() -> int:
    """Check every folder, and say what is wrong."""
    console = Console(stderr=True, highlight=False)
    if missing := missing_tools():
        console.print(f"not on the PATH: {', '.join(missing)}")
        return 2
    is_wrong = False
    for folder in applied():
        try:
            wrong = problems(folder)
            count = len(documents(render(folder)))
        except ToolError as error:
            wrong, count = [str(error)], 0
        is_wrong = is_wrong or bool(wrong)
        console.print(
            f"{'[red]wrong[/]' if wrong else '[green]ok[/]   '}  {folder.relative_to(DEPLOY.parent)}  {count}"
        )
        for each in wrong:
            console.print(f"       {each}", markup=False)
    return int(is_wrong)


def _dangling_in_pod(pod: Document, names: set[tuple[str, str]]) -> Iterator[str]:
    where, spec = pod["metadata"]["name"], pod["spec"]
    volumes = {each["name"] for each in spec["volumes"]}
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"{where}: mounts {mount['name']}, which is no volume"
        ports = {each["name"] for each in container.get("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            handler = container.get(probe, {})
            port = (handler.get("httpGet") or handler.get("tcpSocket") or {}).get("port")
            if isinstance(port, str) and port not in ports:
                yield f"{where}: the {probe} asks port {port}, which is none"
    for volume in spec["volumes"]:
        for kind, key, field in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
            if key in volume and (kind, volume[key][field]) not in names:
                yield f"{where}: there is no {kind} {volume[key][field]}"


def _selectors(each: Document) -> Iterator[Document]:
    spec = each.get("spec", {})
    if each["kind"] == "Service":
        yield {"matchLabels": spec["selector"]}
    elif each["kind"] == "PodDisruptionBudget":
        yield spec["selector"]
    elif each["kind"] == "NetworkPolicy":
        yield spec["podSelector"]
    elif "selector" in spec:
        yield spec["selector"] if "matchLabels" in spec["selector"] else {"matchLabels": spec["selector"]}


def _matches(selector: Document, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items()
    expressions = selector.get("matchExpressions", [])
    return all(labels.get(key) == value for key, value in wanted) and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )


def _output(command: list[str], text: str | None = None, *, may_fail: bool = False) -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ToolError(f"{command[0]} is not on the PATH") from None
    if done.returncode and not (may_fail and done.stdout):
        raise ToolError(f"{' '.join(command[:2])}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
