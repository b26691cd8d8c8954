"""The flags that say which slices are asked, for `status` and `top`."""

import argparse

from flows.observe.addresses import addresses, collector_address


def add_address_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags that say which slices are asked."""
    parser.add_argument(
        "--url",
        action="append",
        default=[],
        metavar="URL",
        help="the address of a slice, such as http://stream-0:9464; again for more (default: by the settings)",
    )
    parser.add_argument(
        "--slices",
        type=_count,
        default=1,
        metavar="N",
        help="ask slices 0 to N-1 of the settings' [health] (default: 1)",
    )


def asked(args: argparse.Namespace) -> list[str]:
    """Return the addresses that they stand for. Raises Refusal."""
    return addresses(args.url, args.slices, args.settings)


def asked_collector(args: argparse.Namespace) -> str | None:
    """Return the address of the collector; None where there is none in the settings, or --url says who is asked."""
    return None if args.url else collector_address(args.settings)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10_000:  # noqa: PLR2004 - as many as `run --slice` takes
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a whole number from 1 to 10,000")
    return int(text)
