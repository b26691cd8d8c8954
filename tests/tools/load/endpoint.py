"""The endpoint: a TLS server on loopback that answers every request with 200 and notes when, and which event it was.

nginx where the system has one: HTTP/2, and several times as fast as any slice needs. Else, or where answers are to
take their time, Python: HTTP/1.1, and one process for each slice.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connectors.appsflyer.sandbox.certificate import CA_FILE, server_context
from tests.fixtures.ports import free_port
from tests.tools.load import endpoint_nginx
from tests.tools.load.children import Child, python
from tests.tools.load.waiting import await_listening

HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that answers."""

    url: str
    ca_file: Path
    what: str
    logs: tuple[Path, ...]
    """Where each answer is a line: see `answers.py`."""
    pids: tuple[int, ...]
    """Its processes; those that they have started count with them."""


@contextmanager
def run_endpoint(directory: Path, slices: int, answer_ms: int = 0, kind: str = "") -> Iterator[Endpoint]:
    """Run the endpoint for so many slices; `kind` is `nginx` or `python`, by default what fits.

    Raises OSError, or NotStartedError.
    """
    directory.mkdir(parents=True)
    server_context(directory / "tls", HOST)
    program = None if answer_ms or kind == "python" else endpoint_nginx.find()
    if kind == "nginx" and program is None:
        raise FileNotFoundError("there is no nginx that speaks HTTP/2 over TLS; leave out --endpoint, or install it")
    if program is not None:
        with _nginx(program, directory, slices) as endpoint:
            yield endpoint
        return
    with _python(directory, slices, answer_ms) as endpoint:
        yield endpoint


@contextmanager
def _nginx(program: str, directory: Path, slices: int) -> Iterator[Endpoint]:
    port = free_port()
    log = directory / "answers.log"
    settings = endpoint_nginx.write(directory, port, workers=(slices + 1) // 2, log=log)
    child = Child("nginx", [program, "-c", str(settings), "-p", str(directory)], directory / "nginx.out")
    try:
        await_listening(HOST, port, child)
        what = f"nginx {endpoint_nginx.version(program)}, HTTP/2 over TLS"
        yield Endpoint(f"https://{HOST}:{port}", directory / "tls" / CA_FILE, what, (log,), (child.pid,))
    finally:
        child.stop()


@contextmanager
def _python(directory: Path, slices: int, answer_ms: int) -> Iterator[Endpoint]:
    with ExitStack() as stack, socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind((HOST, 0))  # bound and not listening: it keeps the port for the workers
        port = int(reserved.getsockname()[1])
        logs = tuple(directory / f"answers-{index}.log" for index in range(slices))
        children = []
        for log in logs:
            command = python(
                "tests.tools.load.endpoint_python", str(port), str(directory / "tls"), str(log), str(answer_ms)
            )
            children.append(Child("endpoint", command, log.with_suffix(".out"), is_patient=False))
            stack.callback(children[-1].stop)
        for child in children:
            await_listening(HOST, port, child)
        thinks = f", answers after {answer_ms} ms" if answer_ms else ""
        what = f"aiohttp, {slices} process{'es' if slices > 1 else ''}, HTTP/1.1 over TLS{thinks}"
        pids = tuple(child.pid for child in children)
        yield Endpoint(f"https://{HOST}:{port}", directory / "tls" / CA_FILE, what, logs, pids)
