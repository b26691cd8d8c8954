"""Topics that would take gigabytes: the real process stays within its bounds, and every event has its outcome."""

from pathlib import Path

import pytest

from tests.tools.load.hostile.kinds import KINDS, ORDINARY, Kind
from tests.tools.load.hostile.run import accounted, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hostile")]

_MB = 1 << 20
_MOST_ORDINARY = 150 * _MB
"""What the process takes for ordinary events, at the most; 95 MB on the machine that this was written on."""
_QUICK = [kind for kind in KINDS if kind.is_quick]


@pytest.fixture(scope="module")
def ordinary_bytes(tmp_path_factory: pytest.TempPathFactory) -> int:
    peak_bytes = run(ORDINARY, tmp_path_factory.mktemp("ordinary")).peak_bytes
    assert peak_bytes < _MOST_ORDINARY
    return peak_bytes


@pytest.mark.parametrize("kind", _QUICK, ids=lambda kind: kind.name)
def test_a_hostile_topic_takes_no_more_than_its_bound(kind: Kind, ordinary_bytes: int, tmp_path: Path) -> None:
    figures = run(kind, tmp_path)
    assert accounted(kind, figures), figures.summary
    assert figures.peak_bytes - ordinary_bytes <= kind.bound_mb * _MB
