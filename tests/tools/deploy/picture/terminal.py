"""Pictures `top` over two running slices, for the README: python -m tests.tools.deploy.picture.terminal docs/top.svg.

It needs what the dashboard's picture needs.
"""

import argparse
import io
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import track

from flows.commands.monitor.overview import overview
from flows.commands.monitor.screen import Screen, title_of
from flows.operations.monitor import fetch
from tests.tools.deploy.picture.__main__ import kafka
from tests.tools.deploy.picture.scene import SLICES, Scene

_COLUMNS: Final = 110
_ROWS: Final = 34
_BETWEEN_SECONDS: Final = 2.0
# Rich's own form, without a window around it and without fonts from elsewhere.
_FORM: Final = """\
<svg viewBox="0 0 {terminal_width} {terminal_height}" xmlns="http://www.w3.org/2000/svg">
<style>.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, monospace; }} {styles}</style>
<defs>{lines}</defs>
<rect width="100%" height="100%" rx="8" fill="#1b1f24"/>
<g transform="translate(12, 8)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def main() -> int:
    """Run for a while, look twice, draw."""
    parser = argparse.ArgumentParser(description="Picture `top` over two running slices.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=int, default=60, help="how long the slices run before (default: 60)")
    parser.add_argument("--events-per-second", type=float, default=400.0)
    parser.add_argument("--first-port", type=int, default=19_464, help="of the slices and Prometheus (default: 19464)")
    args = parser.parse_args()
    with ExitStack() as cleanup:
        directory = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="picture-")))
        scene = Scene(directory, kafka(cleanup, directory), args.events_per_second, args.first_port)
        cleanup.callback(scene.close)
        for _ in track(range(args.seconds), "the slices run"):
            time.sleep(1)
        urls = [f"http://127.0.0.1:{args.first_port + index}" for index in range(SLICES)]
        before = {each.url: each for each in fetch(urls)}
        time.sleep(_BETWEEN_SECONDS)
        console = Console(record=True, width=_COLUMNS, height=_ROWS, file=io.StringIO(), force_terminal=True)
        title = title_of(len(urls), _BETWEEN_SECONDS)
        console.print(Screen(title, datetime.now(UTC), overview(fetch(urls), before)))
    args.file.write_text(console.export_svg(title="", code_format=_FORM, unique_id="top"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
