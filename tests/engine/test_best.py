"""The best checkpoint stays beside the newest ones, and a crash does not lose which it was."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from siamtrack.engine.checkpoint import Checkpoints
from siamtrack.models.weights import read_weights
from tests.engine.test_resume import assert_same_end, killed
from tests.engine.toy import ToyTask, run

BEST = ("TRAIN.BEST", "output", "TRAIN.KEEP", 1, "TRAIN.EPOCHS", 4, "TASK.STEPS", 2, "TRAIN.SCHEDULE.NAME", "constant")
SCORES = {1: 0.3, 2: 0.8, 3: 0.5, 4: 0.6}  # after so many epochs


def scored(monkeypatch: pytest.MonkeyPatch) -> None:
    def validate(self: ToyTask, model: Any) -> dict[str, float]:
        return {"output": SCORES[self.seen[-1][0] + 1]}

    monkeypatch.setattr(ToyTask, "validate", validate)


def test_it_is_kept_when_its_checkpoint_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored(monkeypatch)
    run(tmp_path / "run", *BEST)
    names = sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir())
    assert names == ["best.safetensors", "epoch-0004.safetensors", "epoch-0004.state.pt"]
    meta = read_weights(tmp_path / "run/checkpoints/best.safetensors").meta
    assert (meta["epoch"], meta["metrics"]["validation"]) == (2, {"output": 0.8})


def test_an_epoch_that_is_best_is_saved_though_none_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored(monkeypatch)
    run(tmp_path / "run", *BEST, "TRAIN.SAVE_EVERY", 0)
    assert read_weights(tmp_path / "run/checkpoints/best.safetensors").meta["epoch"] == 2


# config.yaml, then weights, state and, after the first and second epoch, the best
@pytest.mark.parametrize("moment", ["os.replace:5", "os.replace:6", "os.replace:7", "os.replace:7:after"])
def test_a_crash_about_the_best_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    scored(monkeypatch)
    run(tmp_path / "whole", *BEST)
    assert killed(tmp_path / "run", moment, BEST) < 0
    run(tmp_path / "run", *BEST, resume=True)
    assert_same_end(tmp_path / "run", tmp_path / "whole", epochs=4)
    best = [read_weights(tmp_path / f"{name}/checkpoints/best.safetensors") for name in ("run", "whole")]
    assert best[0].meta["epoch"] == best[1].meta["epoch"] == 2


def test_without_such_a_score_there_is_no_best(tmp_path: Path) -> None:
    run(tmp_path / "run", "TRAIN.EPOCHS", 1)
    assert not (tmp_path / "run/checkpoints/best.safetensors").exists()


def test_without_links_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "run", "TRAIN.EPOCHS", 1)

    def refuse(*paths: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    checkpoints = Checkpoints(tmp_path / "run/checkpoints")
    checkpoints.keep_best((1, 0))
    assert (tmp_path / "run/checkpoints/best.safetensors").read_bytes() == checkpoints.path((1, 0)).read_bytes()


def test_a_score_that_is_no_number_is_never_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCORES, 1, float("nan"))
    scored(monkeypatch)
    run(tmp_path / "run", *BEST)
    assert read_weights(tmp_path / "run/checkpoints/best.safetensors").meta["epoch"] == 2


def test_training_outlives_a_best_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scored(monkeypatch)
    kept = Checkpoints.path

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def copy(source: Path, target: Path) -> None:
        if source == kept(Checkpoints(tmp_path / "run/checkpoints"), (2, 0)):
            refuse()
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr("os.link", refuse)
    monkeypatch.setattr("shutil.copyfile", copy)
    run(tmp_path / "run", *BEST)
    assert "best weights cannot be written" in caplog.text
    # of those that could be kept, the best: 0.3, then 0.6
    assert read_weights(tmp_path / "run/checkpoints/best.safetensors").meta["epoch"] == 4
