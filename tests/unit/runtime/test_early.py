"""The first step of a flow: a refusal ends the process with its code, and is said once, as the command was called."""

import signal
from collections.abc import Iterator

import pytest

from flows.program import VARIABLE
from flows.refusal import ExitCode, Refusal
from flows.runtime.early import starting
from flows.runtime.signals import SIGNALS


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in SIGNALS}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("code", [ExitCode.REFUSED, ExitCode.FAILED])
def test_a_refusal_is_said_and_ends_the_process_with_its_code(
    code: ExitCode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "ampfly")
    with pytest.raises(SystemExit) as ended, starting():
        raise Refusal("one \x1b[2J\ntwo; start it with: python -m flows replay", code)
    assert ended.value.code == code
    assert capsys.readouterr() == ("", "one \\x1b[2J\ntwo; start it with: ampfly replay\n")


def test_what_is_no_refusal_is_not_caught() -> None:
    with pytest.raises(OSError, match="disk"), starting():
        raise OSError("disk")
