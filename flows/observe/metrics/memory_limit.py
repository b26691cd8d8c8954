"""The memory limit of the control group that the process is in: a container's, or that of a service of systemd."""

from pathlib import Path
from typing import Final

_GROUPS: Final = Path("/proc/self/cgroup")
_ROOT: Final = Path("/sys/fs/cgroup")
_NO_LIMIT_BYTES: Final = 1 << 60
"""Version 1 has a number near 2^63 where there is no limit."""


def memory_limit_bytes(groups: Path = _GROUPS, root: Path = _ROOT) -> int | None:
    """Return the lowest limit of the group and those above it; None where there is none, or no control groups.

    `groups` has the process's groups, one a line, as `NUMBER:CONTROLLERS:PATH`; `root` is where they are mounted.
    Within a container the path may be that of the host, and the limit then stands at the root.
    """
    try:
        lines = groups.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    limits = []
    for line in lines:
        _number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            limits += _limits(root, path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits(root / "memory", path, "memory.limit_in_bytes")
    return min(limits, default=None)


def _limits(root: Path, path: str, name: str) -> list[int]:
    place = root / path.lstrip("/")
    found = []
    for directory in (place, *(each for each in place.parents if each.is_relative_to(root))):
        try:
            text = (directory / name).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        if text.isdecimal() and int(text) < _NO_LIMIT_BYTES:
            found.append(int(text))
    return found
