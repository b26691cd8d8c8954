"""The benchmark: this stream, its peers and the physical limit, side by side in one run. `make bench`.

    python -m tests.bench [--only NAME,…] [--events N] [--rounds N] [--stream-checkout DIR]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench import bodies, broker, cores, endpoint, rounds, table, traffic
from tests.bench.contestants import Contestant, contestants
from tests.bench.figures import Figures
from tests.bench.measure import ContestantError
from tests.bench.peers.build import BuildError, build
from tests.bench.this_stream import REPOSITORY

BUILT = REPOSITORY / "run" / "bench"


def main() -> int:
    """Run the contestants; 1 where one failed, 2 where something is missing."""
    arguments = _arguments()
    console = Console()
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    BUILT.mkdir(parents=True, exist_ok=True)
    try:
        field = _field(arguments)
        cores.take_serving_core()
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name, progress:
            directory = Path(name)
            for each in field:
                build(each.name, BUILT)
            results = _compare(field, arguments, directory, progress)
    except (BuildError, broker.BrokerError, endpoint.EndpointError, cores.TooFewCoresError) as problem:
        console.print(f"[bold red]Cannot begin:[/] {problem}", markup=True)
        return 2
    except ContestantError as problem:
        console.print(f"Failed: {problem}", style="red", markup=False)
        return 1
    figures = {each: Figures.of(measurements) for each, measurements in results.items()}
    title = f"{arguments.events:,} events, {arguments.users:,} users, {arguments.rounds} rounds: median (least-most)"
    console.print(table.table(field, figures, title))
    for title, spread in table.ratios(field, results):
        console.print(f"this stream / {title}: {spread.median:.2f} ({spread.least:.2f}-{spread.most:.2f})")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="names, with commas between")
    parser.add_argument("--stream-checkout", type=Path, action="append", default=[], help="one more tree of this stream")
    return parser.parse_args()


def _field(arguments: argparse.Namespace) -> list[Contestant]:
    everyone = contestants(BUILT, [each.resolve() for each in arguments.stream_checkout])
    wanted = [each for each in arguments.only.split(",") if each]
    unknown = set(wanted) - {each.name for each in everyone}
    if unknown:
        raise BuildError(f"--only: no {', '.join(sorted(unknown))}; there are {', '.join(e.name for e in everyone)}")
    return [each for each in everyone if not wanted or each.name in wanted]


def _compare(
    field: list[Contestant], arguments: argparse.Namespace, directory: Path, progress: Progress
) -> rounds.Results:
    shape = traffic.Shape(arguments.events, arguments.users)
    body_file = directory / "body.json"
    body_file.write_bytes(bodies.usual(shape))
    with (
        endpoint.running(directory / "endpoint") as served,
        broker.running(directory / "broker") as bootstrap,
        broker.filled(bootstrap, shape, progress) as topic,
    ):
        return rounds.run(field, arguments.rounds, topic, served, body_file, directory, progress)


if __name__ == "__main__":
    sys.exit(main())
