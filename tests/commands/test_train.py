"""``siamtrack train``: what it leaves for the script around it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from siamtrack.cli import main
from siamtrack.data.synthetic import write_dataset
from siamtrack.tracking.task import TrackingTask
from tests.tiny import TINY


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """A run of four steps that goes on from where it is."""
    world, cfg = write_dataset(tmp_path / "world", 3, train=4, test=0, train_frames=4), tmp_path / "tiny.yaml"
    cfg.write_text(yaml.safe_dump(TINY))
    return ["train", "--cfg", str(cfg), "--data-root", str(world), "--output", str(tmp_path / "run"), "--resume"]


def test_a_stopped_run_is_marked_until_it_goes_on(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = TrackingTask.losses

    def signalled(self: TrackingTask, model: Any, batch: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return losses(self, model, batch)

    with monkeypatch.context() as patch:
        patch.setattr(TrackingTask, "losses", signalled)
        with pytest.raises(SystemExit) as stopped:
            main(command)
    assert stopped.value.code == 75
    assert (tmp_path / "run/stopped").exists()
    assert main(command) == 0
    assert not (tmp_path / "run/stopped").exists()
    assert (tmp_path / "run/checkpoints/epoch-0002.safetensors").exists()


def test_a_run_that_fails_is_not_marked(tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: TrackingTask, model: Any, batch: Any) -> Any:
        raise ValueError("a loss fails")

    (tmp_path / "run").mkdir()
    (tmp_path / "run/stopped").touch()  # of a life before
    monkeypatch.setattr(TrackingTask, "losses", fails)
    assert main(command) != 0
    assert not (tmp_path / "run/stopped").exists()


def test_only_the_main_process_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another's mark could be set after the main process took it away."""
    from siamtrack.commands.train import _stop_marked
    from siamtrack.engine.interruption import Interrupted

    monkeypatch.setenv("RANK", "1")
    with pytest.raises(Interrupted), _stop_marked(tmp_path):
        raise Interrupted
    assert not (tmp_path / "stopped").exists()
