"""Asked to stop, a run saves after the step and leaves by its own code; gone on with, it ends as one that was not."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from siamtrack.engine.interruption import TRY_AGAIN, Interrupted, Interruption
from tests.engine.forked import forked, together
from tests.engine.test_distributed import STILL, assert_close
from tests.engine.test_resume import MIDWAY, assert_same_end
from tests.engine.toy import ToyTask, run

PHASES = MIDWAY[2:]


def signal_at(step: int, number: signal.Signals, rank: str = "0") -> None:
    """Let this process get a signal while it computes a step (0-based) of the run; not in the rehearsal."""
    losses, seen = ToyTask.losses, 0

    def signalled(self: ToyTask, model: Any, batch: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == step + 1 and rank == os.environ.get("RANK", "0"):
            os.kill(os.getpid(), number)
        return losses(self, model, batch)

    ToyTask.losses = signalled  # type: ignore[method-assign]


def life(output: Path, step: int, number: signal.Signals, more: Any, rank: str = "0") -> None:
    signal_at(step, number, rank)
    try:
        run(output, *more, "TRAIN.REHEARSE", False, resume=True)
    except SystemExit as end:
        os._exit(int(end.code))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    output = tmp_path_factory.mktemp("whole") / "run"
    run(output, *PHASES)
    return output


# step 5 is the last one of an epoch, step 11 of the run
@pytest.mark.parametrize(
    ("step", "number"),
    [(0, signal.SIGTERM), (2, signal.SIGUSR1), (5, signal.SIGTERM), (8, signal.SIGTERM), (11, signal.SIGUSR1)],
)
def test_it_saves_leaves_and_goes_on_bit_for_bit(
    whole: Path, tmp_path: Path, step: int, number: signal.Signals
) -> None:
    log = tmp_path / "log"
    assert forked(lambda: life(tmp_path / "run", step, number, PHASES), log=str(log)) == TRY_AGAIN
    name = f"epoch-{step // 6:04d}-step-{step % 6 + 1:06d}"
    assert name in {path.name.split(".")[0] for path in (tmp_path / "run/checkpoints").iterdir()}
    assert f"{number.name}: the run ends after this step" in log.read_text()
    seen = run(tmp_path / "run", *PHASES, "TRAIN.REHEARSE", False, resume=True).seen
    assert seen[:1] == [divmod(8 * (step + 1), 48)][: 11 - step]
    assert_same_end(tmp_path / "run", whole)


def test_all_processes_stop_after_the_same_step_whichever_is_asked(tmp_path: Path) -> None:
    codes = together(lambda: life(tmp_path / "run", 3, signal.SIGUSR1, STILL, rank="1"))
    assert codes == [TRY_AGAIN, TRY_AGAIN]
    assert (tmp_path / "run/checkpoints/epoch-0000-step-000004.state.pt").exists()
    assert together(lambda: run(tmp_path / "run", *STILL, resume=True)) == [0, 0]
    run(tmp_path / "alone", *STILL)
    assert_close(tmp_path / "alone", tmp_path / "run", 1e-5)


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert interruption.asked
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_is_noted_even_where_it_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("reentrant call")  # a signal within a write to the same stream

    monkeypatch.setattr("siamtrack.engine.interruption.log.warning", broken)
    with Interruption() as interruption:
        with pytest.raises(RuntimeError):
            os.kill(os.getpid(), signal.SIGTERM)
        assert interruption.asked


def test_left_to_itself_it_ends_the_process_with_its_code() -> None:
    def ends() -> None:
        try:
            raise Interrupted
        except SystemExit as end:
            os._exit(int(end.code))  # type: ignore[arg-type]

    assert forked(ends) == 75
