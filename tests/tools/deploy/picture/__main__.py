"""Pictures the dashboard over a real run with faults: python -m tests.tools.deploy.picture docs/dashboard.svg.

The panels and their queries are the dashboard's own; Prometheus answers them. It needs prometheus on the PATH, and
Kafka: KAFKA_BOOTSTRAP, else java and mvn for a broker of its own.
"""

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from rich.progress import Progress, TimeElapsedColumn

from deploy.monitoring.dashboard.process import PROCESS
from deploy.monitoring.dashboard.rows import ROWS
from tests.fixtures.kafka_local import LocalKafka, UnavailableError
from tests.tools.deploy.picture.asked import Span, ask
from tests.tools.deploy.picture.draw import Drawn, Stage, svg
from tests.tools.deploy.picture.scene import PARTS, Scene


def main() -> int:
    """Run, ask, draw."""
    parser = argparse.ArgumentParser(description="Picture the dashboard over a real run with faults.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=420.0, help="how long the run takes (default: 420)")
    parser.add_argument("--events-per-second", type=float, default=60.0)
    parser.add_argument("--first-port", type=int, default=19_464, help="of the slices and Prometheus (default: 19464)")
    args = parser.parse_args()
    with ExitStack() as cleanup:
        directory = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="picture-")))
        try:
            bootstrap = kafka(cleanup, directory)
            scene = Scene(directory, bootstrap, args.events_per_second, args.first_port)
        except (UnavailableError, RuntimeError) as problem:
            sys.stderr.write(f"{problem}\n")
            return 2
        cleanup.callback(scene.close)
        span, stages = _run(scene, args.seconds)
        rows = [
            (row, [Drawn(panel, ask(scene.prometheus, panel, span)) for panel in row.panels])
            for row in ROWS
            if row is not PROCESS
        ]
        args.file.write_text(svg(rows, span, stages, "The dashboard over a run with faults"), encoding="utf-8")
    return 0


def kafka(cleanup: ExitStack, directory: Path) -> str:
    if address := os.environ.get("KAFKA_BOOTSTRAP", ""):
        return address
    data = directory / "kafka"
    data.mkdir()
    broker = LocalKafka(data)
    broker.start()
    cleanup.callback(broker.kill)
    return broker.address


def _run(scene: Scene, seconds: float) -> tuple[Span, list[Stage]]:
    begin = time.time()
    stages = []
    with Progress(*Progress.get_default_columns(), TimeElapsedColumn()) as progress:
        for part in PARTS:
            scene.sandbox.set_faults(part.faults)
            stages.append(Stage(time.time(), part.what))
            task = progress.add_task(part.what, total=seconds * part.share)
            for _ in range(round(seconds * part.share)):
                time.sleep(1)
                progress.advance(task)
    return Span(begin, time.time(), step_s=max(round(seconds / 150), 1)), stages


if __name__ == "__main__":
    sys.exit(main())
