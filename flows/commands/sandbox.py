"""A stand-in AppsFlyer: answers as AppsFlyer documents, breaks as a fault plan says, and shows what arrived.

The first line of its output says where it listens; open that address in a browser to see what arrives. Ctrl-C stops it.

A fault plan is TOML (or JSON); the first rule that matches a request counts:

    seed = 7
    [[rule]]
    rate = 0.1                    # a tenth of all requests …
    status = 503                  # … is answered with 503
    retry_after = 2               # seconds, or the text of a date
    [[rule]]
    event_name = "af_purchase"    # or app_id, customer_user_id, attempt; one value or a list
    statuses = [500, "reset"]     # first attempt 500, second a reset connection, then as documented
    [[rule]]
    kind = "black_hole"           # or reset, close, truncate
    delay_ms = 200
    limit = 5                     # the first five requests that match
    [[rule]]
    kind = "page"                 # a sign-in page as HTML, with 200 or the status given, as a network's portal answers

With --export it stands in for Amplitude's Export API as well, at /api/2/export, so that `python -m flows pull` can be
tried: endpoint in [pull] is the same address, and any keys are right.

While it runs: PUT /control/faults, GET /control/faults, GET /control/summary, GET /control/requests?since=N,
GET /control/not_recorded, GET /control/erasures, POST /control/reset.

It takes requests for erasure as AppsFlyer's OpenDSR API does: set erasure.endpoint to it. A request is pending for a
minute, in progress for another, then completed; nothing is erased. As the text of a status, a fault plan may name one
of AppsFlyer's codes, such as e511.
"""

import argparse
import asyncio
import os
import re
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from connectors.appsflyer.sandbox import SandboxServer
from connectors.appsflyer.sandbox.fault_plan import FaultPlan, FaultPlanError
from connectors.export_api.sandbox import ExportSandbox
from connectors.export_api.settings import EXPORT_PATH
from flows.refusal import ExitCode, Refusal

SUMMARY: Final = "a stand-in AppsFlyer, and Export API, with documented checks, answers and faults"
TAKES_SETTINGS: Final = False

_LARGEST_PORT: Final = 65_535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--port", type=_port, default=0, help="the port to listen on; 0, the default, takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--port-file", type=Path, metavar="FILE", help="write the port here once the sandbox listens, for scripts"
    )
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="append one JSON line per request that arrives; keys are left out"
    )
    parser.add_argument(
        "--tls",
        type=Path,
        metavar="DIR",
        help="speak HTTPS, with the package cryptography; DIR/ca.pem is what clients verify it with, made if missing",
    )
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="TOKEN",
        help="a key or API token that is right; again for more (default: any)",
    )
    parser.add_argument(
        "--app", action="append", default=[], metavar="APP_ID", help="a known app; again for more (default: any)"
    )
    parser.add_argument("--faults", type=Path, metavar="FILE", help="a fault plan, see above")
    parser.add_argument(
        "--drop-bodies", action="store_true", help="count only and keep no request in memory, for long load tests"
    )
    parser.add_argument(
        "--max-body-bytes", type=_size, default=1024, metavar="N", help="AppsFlyer's limit (default: 1024); 0 is none"
    )
    parser.add_argument(
        "--export",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="an Export archive, whose hours `python -m flows pull` can fetch from here; again for more",
    )
    parser.add_argument(
        "--export-answers",
        type=_statuses,
        default=(),
        metavar="STATUS[,…]",
        help="answer the first requests for an export so, such as 504,429,200",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code."""
    if args.tls is not None and find_spec("cryptography") is None:
        raise Refusal("sandbox: --tls: a certificate needs one more package: pip install cryptography")
    export = _export(args)
    try:
        server = SandboxServer(
            host=args.host,
            port=args.port,
            keys=tuple(args.key),
            app_ids=tuple(args.app),
            record=args.record,
            tls=args.tls,
            faults=FaultPlan() if args.faults is None else FaultPlan.load(args.faults),
            drop_bodies=args.drop_bodies,
            max_body_bytes=args.max_body_bytes,
            others={} if export is None else {EXPORT_PATH: export.answer},
        )
    except FaultPlanError as error:
        raise Refusal(f"sandbox: {error}") from error
    except OSError as error:
        raise Refusal(f"sandbox: --record {args.record}: cannot be written: {error.strerror}") from error
    return asyncio.run(_serve(server, args.port_file, export))


def _export(args: argparse.Namespace) -> ExportSandbox | None:
    try:
        return ExportSandbox(args.export, first_answers=args.export_answers) if args.export else None
    except ValueError as error:
        raise Refusal(f"sandbox: --export: {error}") from error


async def _serve(server: SandboxServer, port_file: Path | None, export: ExportSandbox | None) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await server.start()
    except OSError as error:
        await server.stop()
        raise Refusal(f"sandbox: cannot listen on {server.url}: {error.strerror or error}", ExitCode.FAILED) from error
    try:
        print(f"listening on {server.url}", flush=True)  # noqa: T201  # the promised first line
        if server.ca_file is not None:
            print(f"verify with {server.ca_file}", flush=True)  # noqa: T201  # what a client needs next
        if export is not None:
            print(f"exports {export.span} at {EXPORT_PATH}", flush=True)  # noqa: T201  # which hours can be pulled
        if port_file is not None:
            _write_whole(port_file, f"{server.port}\n")
        await _first(stop, server.failed)
    except OSError as error:
        raise Refusal(f"sandbox: cannot say where it listens: {error}", ExitCode.FAILED) from error
    finally:
        await server.stop()
    if server.failure is not None:
        raise Refusal(f"sandbox: the record cannot be written: {server.failure.strerror}", ExitCode.FAILED)
    return ExitCode.DONE


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for each in waits:
        each.cancel()


def _write_whole(path: Path, text: str) -> None:
    # Whoever waits for the file must not see it half-written.
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to {_LARGEST_PORT}")
    return int(text)


def _size(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes")
    return int(text)


def _statuses(text: str) -> tuple[int, ...]:
    if re.fullmatch(r"[2-5][0-9]{2}(,[2-5][0-9]{2})*", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} are no statuses: write for example 504,429")
    return tuple(map(int, text.split(",")))
