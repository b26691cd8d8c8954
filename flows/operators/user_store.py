"""The users of one shard: awake from an event to the second snapshot after it, else at rest; stored in their own log.

Users are dealt into a few shards by their keys. A shard is one key of the engine's, and one log on the disk.
"""

import logging
import zlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from connectors.limited_log import LimitedLog
from connectors.state.user_log import UserLog
from connectors.state.user_segments import StoredUser
from flows.domain.decision import GivenUp, Held
from flows.domain.fate import SYNC_DISABLED_ERROR, DeadLetterReason
from flows.domain.held_state import current_state, held_events
from flows.domain.identity_rules import IdentityRules
from flows.domain.ledger import Ledger
from flows.domain.logins import Logins
from flows.domain.packed_user import pack, unpack
from flows.domain.stored_user import read_held, read_user, stored_user
from flows.domain.user import User
from flows.operators.forgetting import Forgetting
from flows.operators.timers import Timers

_log: Final = LimitedLog()
SHARDS: Final = 4
"""So many workers of one process can share the users."""
_SPARE_LISTED: Final = 100_000
"""So many who are not remembered any more may be listed to be forgotten."""
_MOST_TIMERS: Final = 100
"""With one batch, so that many users whose time is over do not hold up the events."""


def shard_of(key: str) -> str:
    """Return the shard of a user."""
    return f"{zlib.crc32(key.encode('utf-8', 'surrogatepass')) % SHARDS}"


class Users:
    """Some users, by key. Not safe for use by several threads, apart from `len`."""

    def __init__(
        self,
        rules: IdentityRules,
        ledger: Ledger,
        directory: Path | None,
        logins: Logins | None = None,
        state: str = "",
    ) -> None:
        """Begin with nobody; `directory` is where their log is, None for users that no start takes up again.

        `logins` is told who is taken up, and who is forgotten. `state` is the id of the state directory.
        """
        self._logins = logins
        self._rules = rules
        self._ledger = ledger
        self._log = UserLog(directory, self, state) if directory is not None else None
        self._awake: dict[str, tuple[User, int | None]] = {}
        self._resting: dict[str, bytes] = {}
        self._changed: set[str] = set()
        """Of whom something was heard since the last snapshot."""
        self._quiet: set[str] = set()
        """Who changed between the two snapshots before, and rests at the next one unless heard of until then."""
        self._waiting = Timers(settling=False)
        self._settling = Timers(settling=True)
        self._forgetting = Forgetting(rules.remember_s)
        self.disabled: list[GivenUp] = []
        """What was held for syncs that are not enabled any more; whoever takes it empties the list."""

    def __len__(self) -> int:
        """Return how many users are remembered."""
        return len(self._awake) + len(self._resting)

    def resume(self, generation: int, now_ms: int, read_ms: int = 0) -> None:
        """Take up everybody as of a generation of the log; 0 is nobody. Raises UserLogError, ValueError, OSError.

        `read_ms` is for how long the source had been read.
        """
        if self._log is None:
            return
        holding: dict[str, StoredUser] = {}

        def take(key: str, stored: StoredUser | None) -> None:
            holding.pop(key, None)
            if stored is None:
                packed = self._resting.pop(key, None)
                if packed is not None and self._logins is not None:
                    self._logins.forget(key, unpack(packed)[0].devices)
                return
            state, partition = read_user(stored)
            if self._logins is not None:
                self._logins.restore(key, state.devices, state.properties)
            if key not in self._resting:  # noted once: a timer that fires too early is set again
                self._forgetting.note(key, max(state.touched_s + self._rules.remember_s, now_ms // 1000))
            if state.held:
                holding[key] = stored
            self._resting[key] = pack(state._replace(held=()), partition)

        self._log.resume(generation, take)
        for key, stored in holding.items():
            self._hold_again(key, stored, read_ms)

    def of(self, key: str, partition: int | None, now_ms: int) -> User:
        """Return a user, awake, of whom something is heard now."""
        self._changed.add(key)
        known = self._awake.get(key)
        if known is not None:
            return known[0]
        user = User(self._rules)
        packed = self._resting.pop(key, None)
        if packed is not None:
            state, partition = unpack(packed)
            user.restore(state, ())
        else:
            self._forgetting.note(key, now_ms // 1000 + self._rules.remember_s)
        self._awake[key] = user, partition
        return user

    def has_held(self, key: str, user: User) -> None:
        """Note when a user's held events are due."""
        self._waiting.note(key, user)
        self._settling.note(key, user)

    def due_ms(self) -> int | None:
        """Return when `due` is to be asked next though nothing is heard, in ms since the epoch; None if it is not."""
        return self._settling.next_ms

    def due(self, now_ms: int, read_to_ms: int) -> list[tuple[str, User]]:
        """Return whose held events may be due, now or because the source was read up to then; to be noted again."""
        found = []
        for key in dict.fromkeys([*self._settling.due(now_ms), *self._waiting.due(read_to_ms)]):
            known = self._awake.get(key)
            if known is not None and known[0].held:
                self._changed.add(key)
                found.append((key, known[0]))
        return found

    def soonest(self) -> list[tuple[str, User]]:
        """Return whose held events are due first: those that wait for an identifier, else others; to be noted again."""
        for timers in (self._waiting, self._settling):
            while (next_ms := timers.next_ms) is not None:
                fired = [(key, self._awake[key][0]) for key in timers.due(next_ms) if key in self._awake]
                found = [(key, user) for key, user in fired if timers.concern(user)]
                if found:
                    self._changed.update(key for key, _ in found)
                    return found
        return []

    def with_held(self) -> list[tuple[str, User]]:
        """Return everybody who has a held event."""
        found = [(key, user) for key, (user, _) in self._awake.items() if user.held]
        self._changed.update(key for key, _ in found)
        return found

    def forget(self, now_ms: int) -> None:
        """Forget those who were not heard of for as long as users are remembered."""
        for key in self._forgetting.due(now_ms // 1000, _MOST_TIMERS):
            known = self._awake.get(key)
            packed = self._resting.get(key)
            if known is None and packed is None:
                continue
            user = known[0] if known is not None else User(self._rules)
            if packed is not None:
                user.restore(unpack(packed)[0], ())
            if user.is_forgotten(now_ms):
                self._awake.pop(key, None)
                self._resting.pop(key, None)
                self._changed.add(key)
                if self._logins is not None:
                    self._logins.forget(key, user.state(()).devices)
            else:
                self._forgetting.note(key, max(user.forgotten_s, now_ms // 1000))

    def snapshot(self, now_ms: int) -> int:
        """Store what has changed, and return the generation. Raises OSError.

        Who was not heard of since the snapshot before, and has no held events, is at rest from then on.
        """
        records = [(key, self.state_of(key)) for key in self._changed]
        generation = self._log.save(records, now_ms // 1000) if self._log is not None else 0
        for key in self._quiet - self._changed:
            known = self._awake.get(key)
            if known is not None and not known[0].held:
                user, partition = known
                self._resting[key] = pack(user.state(self._ledger.sync_names), partition)
                del self._awake[key]
        self._quiet, self._changed = self._changed, set()
        over = len(self) - max(self._rules.remember_users // SHARDS, 1)
        if over > 0:
            self._forget_longest_at_rest(over)
        return generation

    def _forget_longest_at_rest(self, over: int) -> None:
        """Forget some beyond those of which too many are remembered: who came to rest first was not heard of since."""
        for key in list(islice(self._resting, over + self._rules.remember_users // SHARDS // 100)):
            packed = self._resting.pop(key)
            self._changed.add(key)
            if self._logins is not None:
                self._logins.forget(key, unpack(packed)[0].devices)
        if self._forgetting.size > 2 * len(self) + _SPARE_LISTED:
            self._forgetting.keep(lambda key: key in self._resting or key in self._awake)
        _log.say(
            logging.WARNING,
            "there are more users than are remembered; those who were not heard of for longest are forgotten",
            remembered=len(self),
            do="raise identity.remember_users and the memory limit, add slices, or lower identity.remember_days",
        )

    def keys(self) -> Sequence[str]:
        """Return everybody's key."""
        return [*self._awake, *self._resting]

    def state_of(self, key: str) -> StoredUser | None:
        """Return a user as they are stored; None if they are not remembered any more."""
        known = self._awake.get(key)
        if known is not None:
            user, partition = known
            return stored_user(key, user.state(self._ledger.sync_names), partition)
        packed = self._resting.get(key)
        if packed is None:
            return None
        state, partition = unpack(packed)
        return stored_user(key, state, partition)

    def close(self) -> None:
        """Let go of the log."""
        if self._log is not None:
            self._log.close()

    def _hold_again(self, key: str, stored: StoredUser, read_ms: int) -> None:
        """Take up a user whose events wait."""
        earlier, partition = read_user(stored)
        state = current_state(earlier, read_ms)
        if state is not earlier:
            self._changed.add(key)
        held: list[Held] = []
        for waiting in held_events(state):
            each = read_held(waiting, self._ledger)
            position = each.event.position
            self._ledger.arrivals.note((position.source, position.partition), position.offset, each.event.received_ms)
            for target in each.targets:
                self._ledger.resume(each.event.position, target.sync, target.copy)
            off = tuple(target for target in each.targets if target.sync >= len(self._ledger.enabled))
            if off:
                self.disabled.append(GivenUp(each.event, off, SYNC_DISABLED_ERROR, DeadLetterReason.SYNC_DISABLED))
                self._changed.add(key)
            if len(off) < len(each.targets):
                held.append(each._replace(targets=tuple(target for target in each.targets if target not in off)))
        user = User(self._rules)
        user.restore(state, held)
        del self._resting[key]
        self._awake[key] = user, partition
        self.has_held(key, user)
        self._ledger.held(len(held), user.held.size_bytes)
