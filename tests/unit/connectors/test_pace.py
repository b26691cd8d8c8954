"""How a worker rests: one of its parts for all, by a steady clock, and never beyond what is due."""

from threading import Thread

from connectors.pace import Pace


class World:
    """A pace, its clock, and how long it rested."""

    def __init__(self) -> None:
        self.now = 100.0
        self.rests: list[float] = []
        self.pace = Pace(lambda: self.now, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.rests.append(round(seconds, 6))
        self.now += seconds


def test_one_part_rests_for_all_and_only_where_none_found_anything() -> None:
    """Sixteen partitions rest once a round, not sixteen times; what one of them finds keeps all awake."""
    world = World()
    parts = [object() for _ in range(16)]

    def go_round(*, found: bool = False) -> None:
        for part in parts:
            world.pace.rest(part)
        if found:
            world.pace.found()

    for _ in range(5):
        go_round()
    assert world.rests == [0.001, 0.002, 0.004]
    go_round(found=True)
    go_round(found=True)
    go_round()
    assert world.rests == [0.001, 0.002, 0.004, 0.008]
    go_round()
    assert world.rests == [0.001, 0.002, 0.004, 0.008, 0.001]


def test_no_rest_goes_beyond_what_is_due() -> None:
    world = World()
    part = object()
    for _ in range(12):
        world.pace.rest(part)
    assert world.rests[-1] == 0.05
    world.pace.wake_at(world.now + 0.5)
    world.pace.wake_at(world.now + 0.003)
    world.pace.rest(part)
    assert world.rests[-1] == 0.003
    world.pace.wake_at(world.now - 1)
    world.pace.rest(part)
    assert world.rests[-1] == 0.003  # no rest at all
    world.pace.rest(part)
    assert world.rests[-1] == 0.05


def test_where_the_part_that_rests_has_left_another_does() -> None:
    """A source that has ended leaves the windows, which must not spin."""
    world = World()
    source, window = object(), object()
    for _ in range(3):
        world.pace.rest(source)
        world.pace.rest(window)
    world.pace.leave(window)  # which rests for nobody
    world.pace.leave(source)
    world.rests.clear()
    for _ in range(2):
        world.pace.rest(window)
    assert world.rests == [0.002]


def test_each_worker_rests_by_itself_and_not_for_long_where_others_hand_over() -> None:
    """What another worker hands over does not end a rest."""
    world = World()

    def work() -> None:
        part = object()
        for _ in range(12):
            world.pace.rest(part)

    work()
    assert world.rests == [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, *[0.05] * 4]
    world.rests.clear()
    other = Thread(target=work)
    other.start()
    other.join()
    assert world.rests == [0.001, 0.002, 0.004, 0.008, *[0.01] * 6]
