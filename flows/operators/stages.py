"""The steps, as Bytewax calls them: batch in, batch out, and every fate that is decided here told to the ledger."""

from collections.abc import Callable, Iterable, Sequence

from connectors.appsflyer.request import TooLarge, Translate
from connectors.delivery.delivery import Delivery
from connectors.delivery.items import Item
from flows.domain.decode import Refused, decode
from flows.domain.event import Event, Position, Record
from flows.domain.fate import DeadLetter, DeadLetterReason, Stage
from flows.domain.identity import as_text
from flows.domain.ledger import Ledger
from flows.domain.logins import Logins
from flows.domain.punctuation import Punctuation
from flows.domain.select import Select
from flows.domain.sync import Sync
from flows.domain.warm_up import WarmUp, WarmUpEvent
from flows.operators.identify import IdentifyOutput, Keyed, in_shard, to_every_shard

DEAD_LETTER_LANE = "dead letters"


def decode_records(
    ledger: Ledger, warm_up: WarmUp
) -> Callable[[Sequence[Record | Punctuation]], Iterable[Event | Refused | Punctuation]]:
    """Records → events and refusals; opens their entries, but none for what only teaches. Marks stay behind them."""

    def step(read: Sequence[Record | Punctuation]) -> Iterable[Event | Refused | Punctuation]:
        records: list[Record] = [each for each in read if not isinstance(each, Punctuation)]
        lessons: list[Event | Refused] = []
        empty: list[Position] = []
        if warm_up.borders:
            past, records = warm_up.split(records)
            lessons += [each for record in past for each in decode(record) if isinstance(each, Event)]
            if warm_up.finals:  # above the group's offset, which may go beyond them now
                empty += [Position(each.source, each.partition, each.offset) for each in past]
        decoded: list[Event | Refused] = []
        for record in records:
            events = decode(record)
            decoded += events
            if not events:
                empty.append(Position(record.source, record.partition, record.offset))
        ledger.arrivals.read(records)
        ledger.open_all(
            [each.position for each in decoded if isinstance(each, Event)],
            [each.position for each in decoded if isinstance(each, Refused)],
        )
        for position in empty:  # only now: the watermark must not pass what was read together with it
            ledger.read_nothing(position)
        if lessons:
            decoded = lessons + decoded
        if len(records) < len(read):
            return [*decoded, *(each for each in read if isinstance(each, Punctuation))]
        return decoded

    return step


def select_events(
    select: Select, ledger: Ledger, warm_up: WarmUp, logins: Logins, now_ms: Callable[[], int]
) -> Callable[[list[Event | Refused | Punctuation]], Iterable[tuple[str, Keyed]]]:
    """Events → (shard, (user key, event and its targets)).

    What no sync wants goes on too, for it may teach an identifier. A mark goes to every shard.
    """

    def step(decoded: list[Event | Refused | Punctuation]) -> Iterable[tuple[str, Keyed]]:
        keyed: list[tuple[str, Keyed]] = []
        now_s = now_ms() // 1000
        for event in decoded:
            if not isinstance(event, Event):
                if isinstance(event, Punctuation):
                    keyed += to_every_shard(event)
                continue
            for key, inherited in logins.before(event, now_s):
                keyed.append(in_shard(key, inherited))
            targets, filtered, undecided = select(event)
            if warm_up.borders and warm_up.covers(event.position):
                keyed.append(in_shard(event.user_key, WarmUpEvent(event, targets, undecided)))
                continue
            for sync, reason in filtered:
                ledger.filtered(event.position, sync, reason)
            for target in targets:
                if target.copy:
                    ledger.open_copy(event.position, target.sync, target.copy)
            keyed.append(in_shard(event.user_key, (event, targets, undecided)))
        return keyed

    return step


def translate_events(
    syncs: Sequence[Sync], translates: Sequence[Translate], ledger: Ledger, now_ms: Callable[[], int]
) -> Callable[[list[tuple[str, IdentifyOutput]]], Iterable[tuple[str, Item]]]:
    """Identified events → (lane, delivery); what does not fit and what was given up → (its lane, dead letter)."""

    def step(batch: list[tuple[str, IdentifyOutput]]) -> Iterable[tuple[str, Item]]:
        now = now_ms()
        keyed: list[tuple[str, Item]] = []
        for _, outgoing in batch:
            if isinstance(outgoing, DeadLetter):
                keyed.append((DEAD_LETTER_LANE, outgoing))
                continue
            event, targets, identity = outgoing
            for sync, copy, send_as, replays in targets:
                request = translates[sync](event, identity, send_as, now)
                name = syncs[sync].name
                if isinstance(request, TooLarge):
                    letter = _too_large(request, event, name, copy, send_as, now)
                    letter = letter._replace(identity=as_text(identity), replays=replays)
                    keyed.append((DEAD_LETTER_LANE, letter))
                    continue
                app_id, body, notes, absent = request
                ledger.built(sync, identity.platform, [note.warning for note in notes], absent)
                delivery = Delivery(
                    name,
                    copy,
                    send_as,
                    app_id,
                    body,
                    event.raw,
                    event.key,
                    event.position,
                    event.received_ms,
                    identity,
                    replays,
                )
                keyed.append((delivery.lane, delivery))
        return keyed

    return step


def refused_letters(
    now_ms: Callable[[], int],
) -> Callable[[list[Event | Refused | Punctuation]], Iterable[tuple[str, Item]]]:
    """What decode refused → (its lane, dead letter)."""

    def step(decoded: list[Event | Refused | Punctuation]) -> Iterable[tuple[str, Item]]:
        refusals = [each for each in decoded if isinstance(each, Refused)]
        if not refusals:
            return ()
        now = now_ms()
        return [
            (
                DEAD_LETTER_LANE,
                DeadLetter(
                    reason=each.reason,
                    stage=Stage.DECODE,
                    sync=None,
                    copy=0,
                    send_as=None,
                    error=each.error,
                    value=each.value,
                    key=each.key,
                    position=each.position,
                    first_seen_ms=each.received_ms,
                    failed_at_ms=now,
                ),
            )
            for each in refusals
        ]

    return step


def _too_large(refusal: TooLarge, event: Event, sync: str, copy: int, send_as: str, now: int) -> DeadLetter:
    return DeadLetter(
        reason=DeadLetterReason.TOO_LARGE,
        stage=Stage.TRANSLATE,
        sync=sync,
        copy=copy,
        send_as=send_as,
        error=refusal.error,
        value=event.raw,
        key=event.key,
        position=event.position,
        first_seen_ms=event.received_ms,
        failed_at_ms=now,
    )
