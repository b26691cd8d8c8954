import gzip
import io
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from bytewax import operators as op
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, cluster_main, run_main

from connectors.files.damage import Damage
from connectors.files.settings import FilesSource
from connectors.files.source import FilesInput
from connectors.shutdown import Shutdown
from flows.domain.event import Record
from tests.fixtures.opening import opening

HOURS = (9, 10, 11)
ROWS = 400


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export in two archives, one of them damaged at its end."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for hour in HOURS:
            content = b"".join(b'{"hour":%d,"row":%d}\n' % (hour, row) for row in range(1, ROWS + 1))
            archive.writestr(f"7/7_2024-01-01_{hour}#0.json.gz", gzip.compress(content))
    (tmp_path / "export_1.zip").write_bytes(packed.getvalue())
    (tmp_path / "export_2.json").write_bytes(b'{"hour":12,"row":1}\n{"hour":12,"ro')
    return tmp_path


def build(
    pattern: str, shutdown: Shutdown, read: list[Record], damages: list[Damage], stop_after: int | None = None
) -> Dataflow:
    def room() -> int:
        if stop_after is not None and len(read) >= stop_after:
            shutdown.request()
        return 70

    source = FilesInput(FilesSource((pattern,)), opening(shutdown, room=room, note_damage=damages.append))
    flow = Dataflow("files")
    op.output("out", op.input("in", flow, source), TestingSink(read))
    return flow


def run(flow: Dataflow, recovery: Path | None = None) -> None:
    config = None if recovery is None else RecoveryConfig(str(recovery))  # type: ignore[no-untyped-call]  # a native function
    run_main(flow, epoch_interval=timedelta(0), recovery_config=config)  # type: ignore[no-untyped-call]  # a native function


def test_the_engine_reads_every_line_once_and_ends(export: Path) -> None:
    shutdown, read, damages = Shutdown(), list[Record](), list[Damage]()
    run(build(f"{export}/export_*", shutdown, read, damages))
    assert [record.value for record in read] == [
        *(b'{"hour":%d,"row":%d}' % (hour, row) for hour in HOURS for row in range(1, ROWS + 1)),
        b'{"hour":12,"row":1}',
        b'{"hour":12,"ro',
    ]
    assert len({record[2:5] for record in read}) == len(read)
    assert [(damage.path, damage.line) for damage in damages] == [(f"{export}/export_2.json", 2)]
    assert shutdown.input_ended


def test_of_two_workers_one_reads(export: Path) -> None:
    shutdown, read, damages = Shutdown(), list[Record](), list[Damage]()
    flow = build(f"{export}/export_*", shutdown, read, damages)
    cluster_main(flow, [], 0, worker_count_per_proc=2)  # type: ignore[no-untyped-call]  # a native function
    assert len(read) == len({record[2:5] for record in read}) == len(HOURS) * ROWS + 2
    assert len(damages) == 1


def test_clean_stops_and_restarts_neither_lose_nor_repeat_a_line(export: Path, tmp_path: Path) -> None:
    recovery = tmp_path / "recovery"
    recovery.mkdir()
    init_db_dir(recovery, 1)  # type: ignore[no-untyped-call]  # a native function
    read: list[Record] = []
    starts = 0
    while True:
        starts += 1
        shutdown = Shutdown()
        flow = build(f"{export}/export_*", shutdown, read, [], stop_after=starts * 150)
        run(flow, recovery)
        if shutdown.input_ended:
            break
    assert starts > 5
    whole: list[Record] = []
    run(build(f"{export}/export_*", Shutdown(), whole, []))
    assert [record[:5] for record in read] == [record[:5] for record in whole]


def test_an_archive_that_is_moved_between_two_runs_goes_on_where_it_was(export: Path, tmp_path: Path) -> None:
    recovery = tmp_path / "recovery"
    recovery.mkdir()
    init_db_dir(recovery, 1)  # type: ignore[no-untyped-call]  # a native function
    read, damages = list[Record](), list[Damage]()
    run(build(f"{export}/export_*", Shutdown(), read, damages, stop_after=500), recovery)
    assert len(read) < ROWS * len(HOURS)
    (export / "export_1.zip").rename(export / "export_3.zip")
    run(build(f"{export}/export_*", Shutdown(), read, damages), recovery)
    assert len({record[2:5] for record in read}) == len(read) == ROWS * len(HOURS) + 2
    assert {damage.path for damage in damages} == {f"{export}/export_2.json"}


def test_while_there_is_no_room_the_engine_waits_and_then_goes_on(export: Path) -> None:
    shutdown, read = Shutdown(), list[Record]()
    asked = 0

    def room() -> int:
        nonlocal asked
        asked += 1
        return 0 if asked % 3 else 100

    settings = FilesSource((f"{export}/export_1.zip",))
    flow = Dataflow("files")
    source = FilesInput(settings, opening(shutdown, room=room))
    op.output("out", op.input("in", flow, source), TestingSink(read))
    run(flow)
    assert len(read) == len(HOURS) * ROWS
