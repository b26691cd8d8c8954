"""Letters → events with their targets, and what decode refuses again."""

from collections.abc import Callable, Collection, Iterable, Iterator

from connectors.dead_letters import Letter
from connectors.state.journal import Entry
from connectors.state.replay_log import ReplayLog
from flows.domain.decode import Refused, decode
from flows.domain.event import Event, Position, Record
from flows.domain.fate import DeadLetter, Stage
from flows.domain.identity import from_text
from flows.domain.ledger import Ledger
from flows.domain.logins import Inherited, Logins
from flows.domain.select import Select, SyncTarget
from flows.operators.identify import SelectedEvent
from flows.operators.replay_choice import LeftOut
from flows.operators.replay_filters import Filters
from flows.operators.stages import DEAD_LETTER_LANE

Keyed = tuple[str, SelectedEvent | DeadLetter]


def with_logins(
    logins: Logins, now_ms: Callable[[], int]
) -> Callable[[Iterable[tuple[str, SelectedEvent]]], list[tuple[str, SelectedEvent | Inherited]]]:
    """(user key, event) → the same, behind what its device hands on to the first user who is seen on it."""

    def step(keyed: Iterable[tuple[str, SelectedEvent]]) -> list[tuple[str, SelectedEvent | Inherited]]:
        now_s = now_ms() // 1000
        all_known: list[tuple[str, SelectedEvent | Inherited]] = []
        for key, selected in keyed:
            all_known += logins.before(selected[0], now_s)
            all_known.append((key, selected))
        return all_known

    return step


class ReplayLedger(Ledger):
    """A ledger whose entries are opened one by one, for a letter belongs to one sync; each at most once in a run."""

    def __init__(self, sync_names: Iterable[str], max_pending: int, known: Iterable[Entry] = ()) -> None:
        super().__init__(tuple(sync_names), max_pending)
        self._known = set(known)

    def is_known(self, position: Position, sync: int | None, copy: int = 0) -> bool:
        """Return whether this run has opened an entry, whether or not it is closed already."""
        return (position, None if sync is None else self.sync_names[sync], copy) in self._known

    def resume(self, position: Position, sync: int, copy: int) -> None:
        """Open an entry."""
        super().resume(position, sync, copy)
        self._known.add((position, self.sync_names[sync], copy))

    def resume_refused(self, position: Position) -> None:
        """Open the one entry of what decode refuses."""
        super().resume_refused(position)
        self._known.add((position, None, 0))


def read_again(
    ledger: ReplayLedger,
    marks: ReplayLog,
    select: Select,
    filters: Filters,
    not_taken: Callable[[LeftOut], None],
    now_ms: Callable[[], int],
    paused: Collection[str] = (),
) -> Callable[[list[Letter]], Iterable[Keyed]]:
    """Letters → (user key, event and targets) or (lane, dead letter); opens their entries.

    A letter of a sync goes to that sync, under the name that it had. One that decode refused is decoded and selected as
    if it came for the first time; a sync that is paused gets it from a later replay.
    """
    places = {name: place for place, name in enumerate(ledger.sync_names)}

    def step(letters: list[Letter]) -> Iterable[Keyed]:
        return [each for letter in letters for each in _read(letter)]

    def _read(letter: Letter) -> list[Keyed]:
        position = letter.position
        record = Record(
            letter.value, letter.key, position.source, position.partition, position.offset, letter.first_seen_ms
        )
        # The letter of a whole record has place 0; that of one event out of several has its own, and one event in it.
        decoded = [
            each._replace(position=position._replace(place=position.place + place))
            for place, each in enumerate(decode(record))
        ]
        kept_back: list[SyncTarget] = []
        keyed = [
            each
            for one in decoded
            for each in (_of_sync(letter, one) if letter.sync else _of_none(letter, one, kept_back))
        ]
        if kept_back and not keyed:
            not_taken(LeftOut.SYNC_PAUSED)
        elif not keyed:
            is_event = letter.sync is None and any(isinstance(one, Event) for one in decoded)
            not_taken(LeftOut.ALREADY_REPLAYED if is_event else LeftOut.SAME_EVENT)
        return keyed

    def _of_sync(letter: Letter, decoded: Event | Refused) -> Iterator[Keyed]:
        sync, position = places[letter.sync or ""], decoded.position
        if ledger.is_known(position, sync, letter.copy):
            return
        ledger.resume(position, sync, letter.copy)
        if isinstance(decoded, Refused):
            yield DEAD_LETTER_LANE, _refused_again(letter, decoded)
            return
        target = SyncTarget(sync, letter.copy, letter.send_as or decoded.name, letter.replays + 1)
        yield decoded.user_key, (decoded, (target,), from_text(letter.identity) if letter.identity else None)

    def _of_none(letter: Letter, decoded: Event | Refused, kept_back: list[SyncTarget]) -> Iterator[Keyed]:
        position = decoded.position
        if isinstance(decoded, Refused):
            if not ledger.is_known(position, None):
                ledger.resume_refused(position)
                yield DEAD_LETTER_LANE, _refused_again(letter, decoded)
            return
        selected = select(decoded)
        filtered = [
            each for each in selected.filtered if not _is_paused(each[0]) and _is_open_to(position, each[0], 0, letter)
        ]
        for sync, reason in filtered:
            ledger.resume(position, sync, 0)
            ledger.filtered(position, sync, reason)
        open_to = [each for each in selected.targets if _is_open_to(position, each.sync, each.copy, letter)]
        kept_back += [each for each in open_to if _is_paused(each.sync)]
        targets = tuple(each._replace(replays=letter.replays + 1) for each in open_to if not _is_paused(each.sync))
        for target in targets:
            ledger.resume(position, target.sync, target.copy)
        if targets or filtered:  # without targets too it teaches identifiers
            yield decoded.user_key, (decoded, targets, None)

    def _is_paused(sync: int) -> bool:
        return ledger.sync_names[sync] in paused

    def _is_open_to(position: Position, sync: int, copy: int, letter: Letter) -> bool:
        name = ledger.sync_names[sync]
        return (
            filters.wants(name)
            and not marks.is_ended((position, name, copy), letter.replays)
            and not ledger.is_known(position, sync, copy)
        )

    def _refused_again(letter: Letter, refused: Refused) -> DeadLetter:
        return DeadLetter(
            reason=refused.reason,
            stage=Stage.DECODE,
            sync=letter.sync,
            copy=letter.copy,
            send_as=letter.send_as,
            error=refused.error,
            value=refused.value,
            key=refused.key,
            position=refused.position,
            first_seen_ms=letter.first_seen_ms,
            failed_at_ms=now_ms(),
            identity=letter.identity,
            replays=letter.replays + 1,
        )

    return step
