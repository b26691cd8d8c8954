"""The handover: prepares the new slices' state beside the old one, then puts it in its place.

It may be broken off anywhere. Until everything is prepared, the old state is untouched; from then on running it again
brings it to its end.
"""

import os
import shutil
from contextlib import suppress

from connectors.kafka.kept import KEPT
from connectors.state.disk import BALLAST
from connectors.state.layout import PARTS, STAGING, Places, has_state
from connectors.state.lock import StateInUseError, lock_directory
from connectors.state.manifest import MANIFEST
from flows.operations.rescale.deal import Dealer, StateError


class Handover:
    """From `before` slices to `after`."""

    def __init__(self, places: Places, before: int, after: int) -> None:
        self._places = places
        self._before = before
        self._after = after
        self._locks: list[int] = []

    def run(self) -> Dealer | None:
        """Do it; return what was dealt out, None where an earlier run had dealt and this one brought it to its end.

        Raises:
            StateError: the old slices' state is missing, or cannot be dealt out; nothing was changed.
            StateInUseError: an old or a new slice runs; nothing was changed.
            OSError, sqlite3.Error: a disk is at fault; run it again.
        """
        try:
            self._lock()
            asked = f"{self._before} {self._after}"
            if self._places.ready.exists():
                prepared = self._places.ready.read_text(encoding="ascii")
                if prepared != asked:
                    before, after = prepared.split()
                    raise StateError(f"one from {before} to {after} slices was broken off; run that one again first")
                self._put_in_place()
                return None
            dealer = self._prepare()
            os.sync()
            self._places.ready.write_text(asked, encoding="ascii")
            os.sync()
            self._put_in_place()
            return dealer
        finally:
            for lock in self._locks:
                os.close(lock)

    def _lock(self) -> None:
        """Keep every old slice from running meanwhile. Raises StateInUseError."""
        for index in range(self._before):
            directory = self._places.slice(index, self._before)
            if directory.is_dir():
                try:
                    self._locks.append(lock_directory(directory))
                except StateInUseError:
                    raise StateInUseError(
                        f"slice {index} of {self._before} is running ({directory}); stop every slice first"
                    ) from None

    def _prepare(self) -> Dealer:
        for index in range(self._before):
            directory = self._places.slice(index, self._before)
            if not any(directory.glob("recovery/part-*.sqlite3")):
                raise StateError(
                    f"there is no state of slice {index} of {self._before} in {directory}; name the directories with "
                    "--state, or if it is lost, start that slice, let it warm up, and stop it"
                )
        for index in range(self._after):
            directory = self._places.slice(index, self._after)
            if self._before != self._after and has_state(directory):
                raise StateError(
                    f"{directory} holds state already; it is older than what is to be dealt out: remove it"
                )
        for root in self._places.roots:
            shutil.rmtree(root / STAGING, ignore_errors=True)
            (root / STAGING).mkdir(parents=True)
        dealer = Dealer(self._places, self._before, self._after)
        try:
            dealer.deal()
        except StateError:
            for root in self._places.roots:
                shutil.rmtree(root / STAGING, ignore_errors=True)
            raise
        if self._before == self._after:  # what is staged replaces what is there, one by one: all of it must be staged
            for index in range(self._after):
                for part in PARTS:
                    (self._places.staged(index, self._after) / part).mkdir(exist_ok=True)
        return dealer

    def _put_in_place(self) -> None:
        if self._before != self._after:
            self._remove_old()
        for index in range(self._after):
            staged, directory = self._places.staged(index, self._after), self._places.slice(index, self._after)
            directory.mkdir(parents=True, exist_ok=True)
            for name in (KEPT, MANIFEST):
                (directory / name).unlink(missing_ok=True)
            for part in PARTS:
                if (staged / part).exists():
                    if self._before == self._after:
                        shutil.rmtree(directory / part, ignore_errors=True)
                    (staged / part).rename(directory / part)
        os.sync()
        for index in range(self._after):
            shutil.rmtree(self._places.staged(index, self._after), ignore_errors=True)
        self._places.ready.unlink()
        for root in self._places.roots:
            (root / STAGING).rmdir()

    def _remove_old(self) -> None:
        for index in range(self._before):
            directory = self._places.slice(index, self._before)
            for name in (KEPT, MANIFEST):  # what the group is told is of other slices from now on
                (directory / name).unlink(missing_ok=True)
            for part in PARTS:
                shutil.rmtree(directory / part, ignore_errors=True)
            if self._before > 1:
                for name in (BALLAST, "lock"):
                    (directory / name).unlink(missing_ok=True)
                with suppress(OSError):  # something else is in it, or it is gone
                    directory.rmdir()
