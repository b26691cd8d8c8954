"""The vocabulary of metrics: every name, its unit and labels, what it means, and what to do when it moves.

Nothing that is not here can be emitted: `readings.py` takes a `Metric`, and nobody else knows prometheus_client.
docs/metrics.md is made of this file, and of the collector's. No label ever holds an identifier of a user or a device.
"""

from typing import Final

from connectors.delivery.stats import AGE_BOUNDS, REQUEST_BOUNDS
from flows.observe.metrics.collector_vocabulary import COLLECTOR
from flows.observe.metrics.metric import PREFIX, Metric, counter, gauge

BATCH_BOUNDS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

# Is it keeping up?

EVENTS_READ: Final = counter(
    "events_read",
    "events",
    (),
    "Events that the stream has read, including those that decode refused. An upload body of five events counts five.",
    "No growth while there is lag: look at «What holds deliveries up?», because the source waits when too much is "
    "pending.",
)
LAG_EVENTS: Final = gauge(
    "lag_events",
    "records",
    ("partition",),
    "Records of the Kafka partition that the stream has not read yet. It asks Kafka for the end every 5 seconds. A "
    "topic with transactions may never come below 1.",
    "Growing for minutes: producers are faster than the deliveries. See «What holds deliveries up?»; else add slices.",
)
LAG_SECONDS: Final = gauge(
    "lag_seconds",
    "seconds",
    ("partition",),
    "Age of the last record that was read, by Kafka's timestamp, while the partition has unread records; else 0. "
    "Before the first record it is the time since the start; the real age is then at least as high.",
    "As for the lag in records. This metric says how late deliveries are.",
)
COMMITTED_LAG: Final = gauge(
    "committed_lag_events",
    "records",
    ("partition",),
    "Records from the group's committed offset to the partition's end. The offset is that of the first event without "
    "an outcome. If the state were lost, the stream would read these records again, and would not send again those "
    "that the commit's metadata names as final. An event that waits for its AppsFlyer id delays the offset by "
    "hold_seconds.",
    "Growing for longer than hold_seconds while the lag is small: one event gets no outcome. See the dead letters' "
    "place and the circuits.",
)
SENT_AGAIN: Final = gauge(
    "sent_again_if_state_lost_records",
    "records",
    ("partition",),
    "Records with an outcome that the group's last commit does not name: the largest number that would be sent again "
    "if the state directory were lost now. These are the outcomes since the last commit (every 5 seconds), and those "
    "that the commit's metadata has no room for. Absent before the first commit.",
    "Far above the deliveries of 5 seconds: more events wait than the metadata can name. Do not remove the state "
    "before they are delivered; see the oldest waiting event.",
)
ROOM: Final = gauge(
    "room_events",
    "events",
    (),
    "How many more events the stream may read now: max_pending minus the pending events. Held events take no room.",
    "0 or less for long: deliveries are slower than the source. See «What holds deliveries up?».",
)
SOURCE_CONNECTED: Final = gauge(
    "source_connected",
    "0 or 1",
    (),
    "Whether Kafka answers; always 1 for files.",
    "0: Kafka cannot be reached. Nothing is lost; the log says why.",
)
PARTITIONS: Final = gauge(
    "topic_partitions",
    "partitions",
    (),
    "How many partitions the topic has, over all slices. Absent before Kafka has answered.",
    "More than the series of the lag: a slice is missing, or the slices were started with another number.",
)
PARTITION_DAMAGED: Final = gauge(
    "partition_damaged",
    "0 or 1",
    ("partition",),
    "Whether the stream does not read on in a Kafka partition, because its next records have a wrong checksum.",
    "1: the stream reads nothing behind them; the other partitions continue. /readyz names the offset and what to do.",
)
DELIVERY_AGE: Final = Metric(
    f"{PREFIX}delivery_age_seconds",
    "histogram",
    "seconds",
    ("sync",),
    "Age of an event when AppsFlyer accepted it: from its arrival in Kafka (from its reading, for files) to the "
    "answer. The time that it waited for its AppsFlyer id counts.",
    "p95 above 60 seconds: see the lag, then the answers, then whether many events wait for their AppsFlyer id.",
    AGE_BOUNDS,
)

# What happened to events?

OUTCOMES: Final = counter(
    "outcomes",
    "entries",
    ("sync", "outcome", "reason"),
    "Final outcomes: delivered, duplicate, filtered and dead_lettered, the last two with a reason. An event has one "
    "for each sync and each name that the sync sends it under.",
    "dead_lettered grows: read the reason in the runbook; you can replay dead letters. filtered grows more than you "
    "expect: check the sync's events with `python -m flows explain`.",
)
REFUSED: Final = counter(
    "refused",
    "events",
    ("reason",),
    "Events that decode refused and that are dead letters now. They belong to no sync.",
    "A producer sends records that are not events of Amplitude. The dead letters hold the bytes and the reason.",
)
REFUSALS_PENDING: Final = gauge(
    "refusals_pending",
    "events",
    (),
    "Events that decode refused and whose dead letters are not stored yet.",
    "Above 0 for long: the dead letters cannot be stored.",
)
COPIES: Final = counter(
    "copies",
    "entries",
    ("sync",),
    "Entries in addition to one per event: further names that a sync sends it under, and entries of an earlier run.",
    "Nothing. It makes the sums add up.",
)
RESUMED: Final = counter(
    "resumed",
    "entries",
    ("sync",),
    "The copies that an earlier run had read and left pending.",
    "Nothing. It changes at a start only.",
)
PENDING: Final = gauge(
    "pending",
    "entries",
    ("sync",),
    "Entries without a final outcome: read - refused + copies - outcomes.",
    "High and not falling: see «What holds deliveries up?».",
)
DAMAGED_INPUTS: Final = counter(
    "damaged_inputs",
    "places",
    (),
    "Damaged places in archives, or patterns that match no file.",
    "The log names the file and the line.",
)

# What do requests lack?

REQUESTS_BUILT: Final = counter(
    "requests_built",
    "requests",
    ("sync", "platform"),
    "Requests that the stream has built for AppsFlyer.",
    "Nothing. Other metrics are shares of it.",
)
MISSING_IDENTIFIERS: Final = counter(
    "missing_identifiers",
    "requests",
    ("sync", "platform", "identifier"),
    "Requests without this device identifier of their platform. Without an IDFA or a GAID there are no postbacks to "
    "self-reporting networks, and rules of Audiences that need one fail.",
    "The share jumps: a release of the app stopped sending the identifier, or asks users for consent again.",
)
WARNINGS: Final = counter(
    "warnings",
    "requests",
    ("sync", "caution"),
    "Requests that were sent with a warning: something about them costs you something.",
    "The summary of a run says what each warning costs.",
)

# What does AppsFlyer answer?

ANSWERS: Final = counter(
    "answers",
    "answers",
    ("sync", "platform", "status", "class"),
    "Answers to requests: the HTTP status («none» where the connection failed, broke or timed out) and what it means: "
    "delivered, retry, rejected, credentials, or intercepted. Each attempt of a request counts. A request that libcurl "
    "itself repeats, because a kept connection was closed before any answer, counts once.",
    "credentials: the key, the app id or the plan is wrong. intercepted: a network, a proxy or a portal answers in "
    "AppsFlyer's place. rejected: look at the dead letters. retry: AppsFlyer or "
    "the network is in trouble; do nothing unless it lasts.",
)
REQUEST_SECONDS: Final = Metric(
    f"{PREFIX}request_seconds",
    "histogram",
    "seconds",
    ("sync", "platform"),
    "How long requests took, from their start to the end of the answer or the break.",
    "Rising: AppsFlyer or the network is slow. If throughput falls with it, see the limits in force.",
    REQUEST_BOUNDS,
)
DELIVERIES: Final = counter(
    "deliveries",
    "requests",
    ("sync", "platform", "attempt"),
    "Requests that AppsFlyer accepted in this run, at the first attempt or after a retry. The outcome «delivered» "
    "also counts events that an earlier run has delivered, and that were read again after a crash.",
    "A growing share of retries: see the answers.",
)
LAST_DELIVERY: Final = gauge(
    "last_delivery_timestamp_seconds",
    "seconds since the epoch",
    ("sync", "platform"),
    "When AppsFlyer last accepted a request; absent before the first.",
    "Old while events wait: see the circuit.",
)

# What holds deliveries up?

CIRCUIT: Final = gauge(
    "circuit",
    "0 or 1",
    ("sync", "platform", "circuit"),
    "1 for the state that the app's circuit is in: closed (requests go), open (nothing gets through; one at a time "
    "goes as a probe), paused (key, app id or plan is refused, or another answers in AppsFlyer's place; likewise), "
    "paused_by_settings (paused = true; none goes).",
    "paused: correct the key, the app id or the plan, or clear the way; nothing is lost. open: AppsFlyer's or the "
    "network's trouble.",
)
RATE_LIMIT: Final = gauge(
    "rate_limit_requests_per_second",
    "requests per second",
    ("sync", "platform"),
    "The limit in force for the app in this process: the lowest of max_requests_per_second, the ramp, and what the "
    "app's answers show that it takes; +Inf is none.",
    "Lag while the rate of answers is at this limit: raise max_requests_per_second if that is the lowest, and if "
    "AppsFlyer allows more. The other limits rise without help.",
)
CONCURRENCY_LIMIT: Final = gauge(
    "concurrency_limit_requests",
    "requests",
    ("sync", "platform"),
    "How many requests to the app may be in flight at a time, as the answers allow.",
    "Low: AppsFlyer answers slowly, with 429 or 5xx. It rises again without help.",
)
IN_FLIGHT: Final = gauge(
    "requests_in_flight",
    "requests",
    ("sync", "platform"),
    "Requests in flight.",
    "At the concurrency limit for long: answers are slow.",
)
WAITING: Final = gauge(
    "requests_waiting",
    "requests",
    ("sync", "platform"),
    "Requests that wait for the circuit, the rate or the concurrency.",
    "Growing: one of these three limits deliveries.",
)
RETRIES_WAITING: Final = gauge(
    "retries_waiting",
    "requests",
    (),
    "Requests that failed and wait for their next attempt.",
    "Growing: see the answers of the class retry.",
)
SET_ASIDE: Final = gauge(
    "set_aside_requests",
    "requests",
    ("sync", "platform"),
    "Requests of an app in trouble that are on disk, so that they take no room from other apps.",
    "Above 0: the app's circuit is or was not closed. The requests go out when it is closed.",
)
OLDEST_WAITING: Final = gauge(
    "oldest_waiting_seconds",
    "seconds",
    ("sync",),
    "Age of the oldest event without an outcome for the sync, to a second: since its arrival in Kafka (for files, "
    "since its reading); 0 if none waits. Events that an earlier run has left count with their whole age.",
    "Up to hold_seconds is usual when events wait for their AppsFlyer id. Above it: see the circuits, whether the "
    "settings pause the sync, and the dead letters' place.",
)
HELD: Final = gauge(
    "held_events",
    "events",
    (),
    "Events that wait in their user's state, because of a missing AppsFlyer id or of settle_seconds.",
    "The share grows: the app tells the AppsFlyer id late or never.",
)
WINDOW_ITEMS: Final = gauge(
    "window_items",
    "requests and dead letters",
    (),
    "Requests and dead letters that wait in the windows of the micro-batches.",
    "Nothing. max_events bounds it for each app.",
)
WINDOW_BATCHES: Final = Metric(
    f"{PREFIX}window_batch_items",
    "histogram",
    "requests and dead letters",
    (),
    "How many items the micro-batches had.",
    "Nearly all at max_events: there is much to do. Nearly all at 1: events come one by one, each max_wait_ms late.",
    BATCH_BOUNDS,
)
UNFINISHED: Final = gauge(
    "unfinished_items",
    "requests and dead letters",
    (),
    "Requests and dead letters without an outcome that the sink holds in memory.",
    "At max_pending for long: see the circuit and the dead letters' place.",
)
BRAKE: Final = gauge(
    "brake_on",
    "0 or 1",
    (),
    "1: too many of the last events were refused; nothing more is read or sent until a restart.",
    "Read the dead letters' reasons, correct the cause, start again. Waiting events are not lost.",
)
JOURNAL_BLOCKED: Final = gauge(
    "journal_blocked",
    "0 or 1",
    (),
    "1: the stream cannot write its journal, and therefore sends nothing.",
    "The disk of [state] directory is full or broken.",
)
LETTERS_WAITING: Final = gauge(
    "dead_letters_waiting",
    "dead letters",
    (),
    "Dead letters that wait to be stored.",
    "Growing: their place is slow or missing.",
)
LETTERS_BLOCKED: Final = gauge(
    "dead_letters_blocked",
    "0 or 1",
    (),
    "1: dead letters cannot be stored. The stream tries again and drops none.",
    "The log and /status say why: a disk, a topic, a broker.",
)

READY: Final = gauge(
    "ready",
    "0 or 1",
    ("check",),
    "The answer of /readyz, by its checks: 0 means that somebody has to act.",
    "0 for long: /readyz says what is missing. A process that starts or stops counts as not running.",
)

# State and memory

USERS: Final = gauge(
    "users_remembered",
    "users",
    (),
    "Users and anonymous devices in memory.",
    "Memory grows with it: lower remember_days, or add slices.",
)
SNAPSHOTS: Final = counter(
    "snapshots",
    "snapshots",
    (),
    "Snapshots of the sink's state. There is none while no item comes to the sink.",
    "No growth while requests are built: the flow is stuck; see /livez.",
)
SNAPSHOT_AGE: Final = gauge(
    "snapshot_age_seconds",
    "seconds",
    (),
    "Time since the first item came to the sink that no snapshot holds; 0 if none came since the last snapshot.",
    "Far above epoch_seconds: snapshots are late, and the stream reads more again after a crash.",
)
SNAPSHOT_INTERVAL: Final = gauge(
    "snapshot_interval_seconds",
    "seconds",
    (),
    "The time between two snapshots: [state] epoch_seconds.",
    "Nothing.",
)
SNAPSHOT_SECONDS: Final = gauge(
    "snapshot_duration_seconds",
    "seconds",
    (),
    "How long the sink's part of the last snapshot took. The flow waits for it.",
    "Above a second: max_pending is high for this disk, or the disk is slow.",
)
JOURNAL_AGE: Final = gauge(
    "journal_unflushed_seconds",
    "seconds",
    (),
    "Time since the journal was last written, while it has unwritten entries; else 0.",
    "Above 1: a crash now would send that much again. The disk is slow or full.",
)
JOURNAL_BYTES: Final = gauge(
    "journal_bytes",
    "bytes",
    (),
    "Size of the journal's segments.",
    "Growing without end: snapshots are missing, or an old partition is not read again.",
)

STATE_DISK_FREE: Final = gauge(
    "state_disk_free_bytes",
    "bytes",
    (),
    "Free space of the disk of [state] directory.",
    "Near the reserve: make room, or give the disk more.",
)
STATE_DISK_RESERVE: Final = gauge(
    "state_disk_reserve_bytes",
    "bytes",
    (),
    "How much space must be free: with less, the stream reads nothing.",
    "Nothing.",
)
STATE_DISK_FULL: Final = gauge(
    "state_disk_full",
    "0 or 1",
    (),
    "1: the stream reads nothing until the state disk has room again.",
    "Make room on the disk of [state] directory, or enlarge it. The stream then continues, and nothing is lost.",
)
MEMORY_LIMIT: Final = gauge(
    "memory_limit_bytes",
    "bytes",
    (),
    "The memory limit of the process's container or service. Absent without a limit.",
    "Nothing. process_resident_memory_bytes must stay below it.",
)

# The process

BUILD_INFO: Final = gauge(
    "build_info",
    "1",
    ("version", "bytewax", "python", "slice", "slices"),
    "Always 1; its labels say what runs.",
    "More than one version: a roll-out is under way, or stopped half-way.",
)
SLICES: Final = gauge(
    "slices",
    "slices",
    (),
    "The number of slices that this process was started with.",
    "Above the number of processes: one is missing. Different values: slices of two numbers run at the same time.",
)
ALIVE: Final = gauge(
    "alive",
    "0 or 1",
    ("part",),
    "The answer of /livez, by the parts of the process: 0 means that the part does not move.",
    "0: the part is stuck. A restart loses nothing; a liveness probe of /livez does it.",
)
SETTINGS_TAKEN: Final = gauge(
    "settings_taken",
    "0 or 1",
    (),
    "0: the last reload was refused; the process continues with its old settings.",
    "The log names each problem. Correct them and send SIGHUP again.",
)
PROGRESS_AGE: Final = gauge(
    "progress_age_seconds",
    "seconds",
    ("part",),
    "Time since a part of the process last completed a round of its loop. The part courier is the sender.",
    "Above a minute /livez fails, and the process should be restarted.",
)
STOPPING: Final = gauge("stopping", "0 or 1", (), "1: a stop was asked for, and the process drains.", "Nothing.")

PROCESS_MEMORY: Final = Metric(
    "process_resident_memory_bytes",
    "gauge",
    "bytes",
    (),
    "Memory of the process.",
    "It should follow users_remembered. Near memory_limit_bytes: raise the limit, lower remember_days, or add slices.",
)
PROCESS_VIRTUAL: Final = Metric(
    "process_virtual_memory_bytes", "gauge", "bytes", (), "Address space of the process.", "Nothing."
)
PROCESS_CPU: Final = Metric(
    "process_cpu_seconds_total",
    "counter",
    "seconds",
    (),
    "CPU time of the process, in user and system mode.",
    "A rate near 1 while there is lag: the slice is at its limit; add slices.",
)
PROCESS_START: Final = Metric(
    "process_start_time_seconds",
    "gauge",
    "seconds since the epoch",
    (),
    "When the process started.",
    "Changes often: it crashes, or is restarted by its probe.",
)
PROCESS_FDS: Final = Metric(
    "process_open_fds", "gauge", "files", (), "Open files and sockets.", "Near the limit: raise it."
)
PROCESS_MAX_FDS: Final = Metric("process_max_fds", "gauge", "files", (), "The limit of open files.", "Nothing.")

GROUPS: Final[tuple[tuple[str, tuple[Metric, ...]], ...]] = (
    (
        "Is it keeping up?",
        (
            EVENTS_READ,
            LAG_EVENTS,
            LAG_SECONDS,
            COMMITTED_LAG,
            SENT_AGAIN,
            ROOM,
            SOURCE_CONNECTED,
            PARTITIONS,
            PARTITION_DAMAGED,
            DELIVERY_AGE,
        ),
    ),
    (
        "What happened to events?",
        (OUTCOMES, REFUSED, REFUSALS_PENDING, COPIES, RESUMED, PENDING, DAMAGED_INPUTS),
    ),
    ("What do requests lack?", (REQUESTS_BUILT, MISSING_IDENTIFIERS, WARNINGS)),
    ("What does AppsFlyer answer?", (ANSWERS, REQUEST_SECONDS, DELIVERIES, LAST_DELIVERY)),
    (
        "What holds deliveries up?",
        (
            CIRCUIT,
            RATE_LIMIT,
            CONCURRENCY_LIMIT,
            IN_FLIGHT,
            WAITING,
            RETRIES_WAITING,
            SET_ASIDE,
            OLDEST_WAITING,
            HELD,
            WINDOW_ITEMS,
            WINDOW_BATCHES,
            UNFINISHED,
            BRAKE,
            JOURNAL_BLOCKED,
            LETTERS_WAITING,
            LETTERS_BLOCKED,
            READY,
        ),
    ),
    (
        "State and memory",
        (
            USERS,
            SNAPSHOTS,
            SNAPSHOT_AGE,
            SNAPSHOT_INTERVAL,
            SNAPSHOT_SECONDS,
            JOURNAL_AGE,
            JOURNAL_BYTES,
            STATE_DISK_FREE,
            STATE_DISK_RESERVE,
            STATE_DISK_FULL,
            MEMORY_LIMIT,
        ),
    ),
    (
        "The process",
        (
            BUILD_INFO,
            SLICES,
            ALIVE,
            SETTINGS_TAKEN,
            PROGRESS_AGE,
            STOPPING,
            PROCESS_MEMORY,
            PROCESS_VIRTUAL,
            PROCESS_CPU,
            PROCESS_START,
            PROCESS_FDS,
            PROCESS_MAX_FDS,
        ),
    ),
    ("Does it take events in?", COLLECTOR),
)
"""Every metric, by the question that it answers."""

EVERY: Final = tuple(metric for _, metrics in GROUPS for metric in metrics)
