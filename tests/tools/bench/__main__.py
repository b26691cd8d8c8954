"""The benchmarks. `python -m tests.tools.bench` alone, or `make bench`, is `compare`.

compare    this stream, its peers and the physical limits side by side
stages     where the microseconds of an event go
profile    a flame graph of the stream under load
sender    the HTTP half alone against bare libcurl
slices     two slices on two cores against one
latency    what the stream adds at 30 % load
collector  events per CPU-second from an upload to its durability
"""

import argparse
import signal
import sys
from types import ModuleType
from typing import Final

from rich.console import Console

from tests.tools.bench import collector, compare, cores, latency, profile, sender, slices, stages
from tests.tools.bench.broker import BrokerError
from tests.tools.bench.endpoint import EndpointError
from tests.tools.bench.measure import ContestantError
from tests.tools.bench.peers.build import BuildError

COMMANDS: Final[dict[str, ModuleType]] = {
    "compare": compare,
    "stages": stages,
    "profile": profile,
    "sender": sender,
    "slices": slices,
    "latency": latency,
    "collector": collector,
}


def main(given: list[str]) -> int:
    """Run one; 1 where a contestant failed, 2 where something is missing."""
    console = Console()
    parser = argparse.ArgumentParser(
        prog="python -m tests.tools.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, description=module.__doc__))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started ends then, too
    arguments = parser.parse_args(given if given and given[0] in {*COMMANDS, "-h", "--help"} else ["compare", *given])
    try:
        cores.take_serving_core()
        code: int = COMMANDS[arguments.command].run(arguments, console)
    except (BuildError, BrokerError, EndpointError, cores.TooFewCoresError) as problem:
        console.print(f"Cannot begin: {problem}", style="bold red", markup=False)
        return 2
    except ContestantError as problem:
        console.print(f"Failed: {problem}", style="bold red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; everything that was started has ended.")
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
