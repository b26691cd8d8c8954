"""What the threads of one process share: the settings, the ledger, the courier, the postbox and the wish to stop."""

import os
import signal
import sys
import time
from datetime import timedelta
from types import FrameType
from typing import Any

import structlog
from bytewax.inputs import Source

from connectors.appsflyer.courier import Courier, LaneSecrets
from connectors.appsflyer.items import Item, resume_items
from connectors.appsflyer.report import Report
from connectors.appsflyer.sink import AppsFlyerSink
from connectors.appsflyer.unfinished import Unfinished
from connectors.files.dead_letters import FileLetterWriter
from connectors.files.source import FilesInput
from connectors.kafka.consumer import Intervals
from connectors.kafka.dead_letters import KafkaLetterWriter
from connectors.kafka.source import KafkaInput
from connectors.ledger.brake import Brake
from connectors.ledger.journal import Journal
from connectors.ledger.ledger import Ledger
from connectors.ledger.lock import lock_directory
from connectors.letters import LetterWriter
from connectors.postbox import Postbox
from connectors.secrets import Secret
from connectors.stopping import Stopping
from flows import summary
from flows.forgetting import Forgetting
from flows.identify import UserLogic
from flows.rules import identity_rules
from flows.settings.model import FileDeadLetters, FilesSource, Settings
from flows.steps.event import PLATFORMS, Record
from flows.steps.outcome import DeadLetter
from flows.window import MicroBatch, utc_now

log = structlog.get_logger()


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Process:
    """Builds the parts of the flow from the settings; keeps what they share."""

    def __init__(
        self, settings: Settings, slice_index: int = 0, slice_count: int = 1, *, has_recovery: bool = False
    ) -> None:
        """Build them. Raises StateInUseError, or OSError where the state directory cannot be used."""
        self.settings = settings
        self.slice_index, self.slice_count = slice_index, slice_count
        self._has_recovery = has_recovery
        directory = settings.state.slice_directory(slice_index, slice_count)
        self._lock = lock_directory(directory)
        self.journal = Journal(directory / "journal")
        if isinstance(settings.source, FilesSource) and not has_recovery:
            self.journal.forget()  # without a recovery store the archives are read again from the beginning
        self.stopping = Stopping()
        delivery = settings.delivery
        self.ledger = Ledger(
            [sync.name for sync in settings.enabled_syncs],
            delivery.max_pending,
            Brake(delivery.brake_share, delivery.brake_events),
        )
        self.unfinished = Unfinished(self.ledger, self.journal, directory / "overflow")
        self.damages: list[str] = []
        self._kafka: KafkaInput | None = None
        self._is_closed = False
        self.rules = identity_rules(settings)
        self.forgetting = Forgetting(self.rules.remember_s)

    def source(self) -> Source[Record]:
        """Return where records come from."""
        source = self.settings.source
        if isinstance(source, FilesSource):
            return FilesInput(source, self.ledger.room, self.stopping, now_ms, self._note_damage)
        kafka = KafkaInput(
            source,
            self.ledger.room,
            self.ledger.watermark,
            self.stopping,
            self.slice_index,
            self.slice_count,
            intervals=Intervals(watch_partitions=source.watch_partitions_seconds),
        )
        if not kafka.connect():
            log.info("stopped while waiting for Kafka")
            raise SystemExit(0)
        self._kafka = kafka
        return kafka

    def user_logic(self, resume_state: tuple[Any, ...] | None) -> UserLogic:
        """Return the state of one user."""
        return UserLogic(resume_state, self.rules, self.ledger, self.stopping, now_ms, self.forgetting)

    def micro_batch(self, resume_state: tuple[Any, ...] | None) -> MicroBatch:
        """Return the window of one lane."""
        window = self.settings.window
        items: list[Item] = resume_items(self.ledger, resume_state[1]) if resume_state is not None else []
        return MicroBatch(items, window.max_events, timedelta(milliseconds=window.max_wait_ms), utc_now)

    def sink(self) -> AppsFlyerSink:
        """Return where parcels and dead letters go, with its threads running."""
        delivery = self.settings.delivery

        def written(letter: DeadLetter) -> None:
            self.unfinished.written(letter)
            courier.wake()  # its thread writes the journal

        postbox = Postbox(self._letter_writer(), written)

        def given_up(letter: DeadLetter) -> None:
            self.unfinished.given_up(letter)
            postbox.submit([letter])

        report = Report(
            delivered=self.unfinished.delivered,
            given_up=given_up,
            attempted=self.unfinished.attempted,
            settled=self._settle,
            may_send=self._may_send,
            set_aside=self.unfinished.set_aside,
            take_back=self.unfinished.take_back,
        )
        lanes = {
            each.name: LaneSecrets(
                delivery.endpoint if each.key_kind == "s2s_key" else delivery.endpoint_dev_key,
                [Secret(key) for key in each.keys],
            )
            for each in self.settings.syncs
        }
        courier = Courier(delivery, lanes, report, now_ms, lane_share=self._lane_share(), slice_count=self.slice_count)
        return AppsFlyerSink(
            self.ledger,
            self.unfinished,
            courier,
            postbox,
            self.stopping,
            delivery.drain_seconds,
            delivery.timeout_seconds,
            self._snapshot_taken,
            self._closed,
        )

    def stop_on_signals(self) -> None:
        """Make SIGTERM and SIGINT ask for a clean stop, and a second one stop at once."""

        def handle(number: int, _frame: FrameType | None) -> None:
            if self.stopping.requested:
                os._exit(128 + number)
            self.stopping.request()

        signal.signal(signal.SIGTERM, handle)
        signal.signal(signal.SIGINT, handle)

    def _letter_writer(self) -> LetterWriter:
        letters = self.settings.dead_letters
        if isinstance(letters, FileDeadLetters):
            return FileLetterWriter(letters.directory)
        return KafkaLetterWriter(letters)

    def _note_damage(self, damage: object) -> None:
        self.damages.append(str(damage))

    def _lane_share(self) -> int:
        """Return how many events may wait for one app before they are set aside; without other apps, as many as fit."""
        apps = sum(1 for sync in self.settings.enabled_syncs for platform in PLATFORMS if sync.app_id(platform))
        most = self.settings.delivery.max_pending
        return max(most // (2 * apps), 1) if apps > 1 else most

    def _settle(self) -> None:
        self.journal.flush()

    def _may_send(self) -> bool:
        return not self.ledger.brake.is_on

    def _snapshot_taken(self) -> None:
        self.unfinished.snapshot_taken()
        self.journal.snapshot_taken(self.ledger.watermarks(), has_store=self._has_recovery)

    def finish(self) -> None:
        """End the run where no item came to the sink, for Bytewax neither opens nor closes it then."""
        if self.stopping.input_is_over and not self._is_closed and not len(self.unfinished):
            self._closed()

    def _closed(self) -> None:
        self._is_closed = True
        self.journal.close()
        if self._kafka is not None:
            self._kafka.close()  # commits the watermark, now that everything is final that will be
        summary.report(self.ledger, self.damages, stopped=self.stopping.requested)

    def restart_if_asked(self) -> None:
        """Begin again in the same process, with the same command, where the source has asked for it."""
        if self.stopping.restart:
            log.warning("restarting")
            sys.stdout.flush()
            sys.stderr.flush()
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - our own command
