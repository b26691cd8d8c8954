"""A small disk is unmounted, whatever became of the process that mounted it."""

import subprocess
import sys
from pathlib import Path

from tests.fixtures.small_disk import left_disks, small_disk

KILLED = """
import os, sys
from pathlib import Path
from tests.fixtures.small_disk import small_disk

with small_disk(Path(sys.argv[1]), 1):
    os._exit(9)
"""


def test_the_disk_of_a_killed_run_is_unmounted_before_the_next_one_is_made(tmp_path: Path) -> None:
    with small_disk(tmp_path / "first", 1):
        killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "killed")], check=False)
        assert killed.returncode == 9
        assert str(tmp_path / "killed") in left_disks()
        with small_disk(tmp_path / "next", 1):
            assert str(tmp_path / "killed") not in left_disks()
            assert (tmp_path / "first").is_mount()
        assert not (tmp_path / "killed").is_mount()


def test_a_disk_that_a_process_still_uses_is_unmounted_when_its_test_ends(tmp_path: Path) -> None:
    with small_disk(tmp_path / "used", 1) as disk:
        file = (disk.directory / "file").open("w")
    assert not (tmp_path / "used").is_mount()
    file.close()
