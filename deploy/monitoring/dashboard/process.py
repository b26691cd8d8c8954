"""Rows about the process: what it remembers and stores, and how it fares."""

from typing import Final

from deploy.monitoring.dashboard.panel import (
    GOOD,
    NOW,
    Panel,
    Query,
    Row,
    State,
    each_process,
    least,
    most,
    ours,
    rate,
    series,
)
from flows.observe.metrics import vocabulary as v

_BUSY: Final = f"rate({series(v.PROCESS_CPU)}[{NOW}]) and on (namespace, job, instance) {series(v.BUILD_INFO)}"

STATE: Final = Row(
    "State and memory",
    (
        each_process("Users remembered", "areas", v.USERS),
        Panel(
            "Memory, and its limit",
            "lines",
            (v.PROCESS_MEMORY, v.MEMORY_LIMIT),
            (Query(ours(v.PROCESS_MEMORY), "{{instance}}"), Query(least(v.MEMORY_LIMIT), "limit")),
            "bytes",
        ),
        Panel(
            "Free on the state disk, and the reserve",
            "lines",
            (v.STATE_DISK_FREE, v.STATE_DISK_RESERVE),
            (Query(series(v.STATE_DISK_FREE), "{{instance}}"), Query(most(v.STATE_DISK_RESERVE), "reserve")),
            "bytes",
        ),
        Panel(
            "Without a snapshot for",
            "lines",
            (v.SNAPSHOT_AGE, v.SNAPSHOT_INTERVAL),
            (Query(series(v.SNAPSHOT_AGE), "{{instance}}"), Query(most(v.SNAPSHOT_INTERVAL), "one is due every")),
            "s",
        ),
        Panel("Snapshots per second", "lines", (v.SNAPSHOTS,), (Query(rate(v.SNAPSHOTS, "instance"), "{{instance}}"),)),
        each_process("How long snapshots take", "lines", v.SNAPSHOT_SECONDS, "s", warn_above=1),
        each_process("Journal", "areas", v.JOURNAL_BYTES, "bytes"),
        each_process("Journal not written yet", "lines", v.JOURNAL_AGE, "s", warn_above=1),
    ),
)

PROCESS: Final = Row(
    "The process",
    (
        Panel(
            "Parts that move",
            "states",
            (v.ALIVE,),
            (Query(least(v.ALIVE, "part"), "{{part}}"),),
            states=GOOD,
        ),
        Panel(
            "Since a part last moved",
            "lines",
            (v.PROGRESS_AGE,),
            (Query(series(v.PROGRESS_AGE), "{{instance}} {{part}}"),),
            "s",
            warn_above=60,
        ),
        Panel("CPU cores in use", "lines", (v.PROCESS_CPU,), (Query(_BUSY, "{{instance}}"),), warn_above=0.95),
        Panel(
            "Running since",
            "lines",
            (v.PROCESS_START,),
            (Query(f"time() - ({ours(v.PROCESS_START)})", "{{instance}}"),),
            "s",
        ),
        Panel(
            "Open files, of those allowed",
            "lines",
            (v.PROCESS_FDS, v.PROCESS_MAX_FDS),
            (Query(f"{ours(v.PROCESS_FDS)}", "{{instance}}"), Query(f"min({ours(v.PROCESS_MAX_FDS)})", "limit")),
        ),
        Panel(
            "Address space", "lines", (v.PROCESS_VIRTUAL,), (Query(ours(v.PROCESS_VIRTUAL), "{{instance}}"),), "bytes"
        ),
        each_process("Settings taken", "states", v.SETTINGS_TAKEN, width=6, states=GOOD),
        each_process(
            "Stopping", "states", v.STOPPING, width=6, states=(State(0, "no", "green"), State(1, "yes", "orange"))
        ),
        Panel(
            "What runs",
            "table",
            (v.BUILD_INFO,),
            (Query(f"sum by (slice, slices, version, bytewax, python, instance) ({series(v.BUILD_INFO)})", "up"),),
            width=12,
        ),
    ),
)
