"""The handover: prepares the new slices' state beside the old one, then puts it in its place.

It may be broken off anywhere. Until everything is prepared, the old state is untouched; from then on running it again
brings it to its end.
"""

import os
import shutil
from contextlib import suppress

from connectors.state.durable import write_anew
from connectors.state.layout import BALLAST, LOCK, NOTES, PARTS, STAGING, Layout, Slices
from connectors.state.lock import StateInUseError, lock_directory
from flows.operations.rescale.deal import Dealer, Dealt, StateError


class Handover:
    """From `before` slices to `after`."""

    def __init__(self, slices: Slices, before: int, after: int) -> None:
        self._slices = slices
        self._before = before
        self._after = after
        self._old = [slices.of(index, before) for index in range(before)]
        self._new = [slices.of(index, after) for index in range(after)]
        self._staged = [slices.staged(index, after) for index in range(after)]

    def run(self) -> Dealt | None:
        """Do it; return what was dealt out, None where an earlier run had dealt and this one brought it to its end.

        Raises:
            StateError: the old slices' state is missing, or cannot be dealt out; nothing was changed.
            StateInUseError: an old slice runs; nothing was changed.
            OSError, StoreError: a disk is at fault; run it again.
        """
        locks: list[int] = []
        try:
            self._lock(locks)
            asked = f"{self._before} {self._after}"
            ready = self._slices.ready
            dealt = None
            if ready.exists():
                prepared = ready.read_text(encoding="ascii")
                if prepared != asked:
                    before, after = prepared.split()
                    raise StateError(f"one from {before} to {after} slices was broken off; run that one again first")
            else:
                dealt = self._prepare()
                os.sync()
                write_anew(ready, asked.encode("ascii"))
            self._put_in_place()
            return dealt
        finally:
            for lock in locks:
                os.close(lock)

    def _lock(self, locks: list[int]) -> None:
        """Keep every old slice from running meanwhile. Raises StateInUseError."""
        for index, old in enumerate(self._old):
            if old.path.is_dir():
                try:
                    locks.append(lock_directory(old.path))
                except StateInUseError:
                    raise StateInUseError(
                        f"slice {index} of {self._before} is running ({old.path}); stop every slice first"
                    ) from None

    def _prepare(self) -> Dealt:
        for index, old in enumerate(self._old):
            if not old.has_store:
                raise StateError(
                    f"there is no state of slice {index} of {self._before} in {old.path}; name the directories with "
                    "--state, or if it is lost, start that slice, let it warm up, and stop it"
                )
        for new in self._new:
            if self._before != self._after and new.has_state:
                raise StateError(f"{new.path} holds state already; it is older than what is to be dealt out: remove it")
        self._clear_staging()
        for root in self._slices.roots:
            (root / STAGING).mkdir(parents=True)
        try:
            dealt = Dealer(self._slices, self._before, self._after).deal()
        except StateError:
            self._clear_staging()
            raise
        if self._before == self._after:  # what is staged replaces what is there, one by one: all of it must be staged
            for staged in self._staged:
                for part in PARTS:
                    (staged.path / part).mkdir(exist_ok=True)
        return dealt

    def _clear_staging(self) -> None:
        for root in self._slices.roots:
            shutil.rmtree(root / STAGING, ignore_errors=True)

    def _put_in_place(self) -> None:
        if self._before != self._after:
            self._remove_old()
        for staged, new in zip(self._staged, self._new, strict=True):
            new.path.mkdir(parents=True, exist_ok=True)
            _remove_notes(new)
            for part in PARTS:
                if (staged.path / part).exists():
                    if self._before == self._after:
                        shutil.rmtree(new.path / part, ignore_errors=True)
                    (staged.path / part).rename(new.path / part)
        os.sync()
        for staged in self._staged:
            shutil.rmtree(staged.path, ignore_errors=True)
        self._slices.ready.unlink()
        for root in self._slices.roots:
            (root / STAGING).rmdir()

    def _remove_old(self) -> None:
        for old in self._old:
            _remove_notes(old)
            for part in PARTS:
                shutil.rmtree(old.path / part, ignore_errors=True)
            if self._before > 1:
                for name in (BALLAST, LOCK):
                    (old.path / name).unlink(missing_ok=True)
                with suppress(OSError):  # something else is in it, or it is gone
                    old.path.rmdir()


def _remove_notes(layout: Layout) -> None:
    """Remove what says how the parts belong together, and what the group was told: it is of other slices from now."""
    for name in NOTES:
        (layout.path / name).unlink(missing_ok=True)
