"""Pictures of a task reach TensorBoard when they are due, and change nothing of the training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from siamtrack import config
from siamtrack.engine.seeding import seed_all
from siamtrack.engine.train import train
from siamtrack.models.weights import read_weights
from tests.engine.toy import SETTINGS, ToyTask


class Painter(ToyTask):
    """Shows how often it was asked, and remembers where its run lies."""

    def begin(self, output: Path) -> None:
        assert (output / "config.yaml").exists(), "the folder is there"
        self.output, self.asked = output, 0

    def pictures(self) -> dict[str, np.ndarray]:
        self.asked += 1
        return {"squares": np.full((4, 6, 3), self.asked, np.uint8), "lines": np.zeros((2, 2, 3), np.uint8)}


def run(output: Path, task: type, every: int, resume: bool = False) -> tuple[Any, dict[str, torch.Tensor]]:
    cfg = config.load(overrides=[*SETTINGS, "TRAIN.PICTURE_EVERY", str(every), "TRAIN.REHEARSE", "False"])
    seed_all(cfg.SEED)
    made = task(cfg)
    return made, read_weights(train(cfg, made, output, device="cpu", resume=resume)).state


def test_pictures_come_when_due_and_change_nothing(tmp_path):
    _, plain = run(tmp_path / "plain", ToyTask, 5)  # a task without pictures
    painter, painted = run(tmp_path / "painted", Painter, 5)
    assert painter.output == tmp_path / "painted"
    assert painter.asked == 2, "12 steps"
    for name, value in plain.items():
        assert torch.equal(value, painted[name]), name
    board = EventAccumulator(str(tmp_path / "painted" / "tensorboard"), size_guidance={"images": 0})
    board.Reload()
    assert board.Tags()["images"] == ["squares", "lines"]
    events = board.Images("squares")
    assert [event.step for event in events] == [5, 10]
    assert (events[0].height, events[0].width) == (4, 6)


def test_none_are_drawn_unless_asked_for(tmp_path):
    painter, _ = run(tmp_path / "run", Painter, 0)
    assert painter.asked == 0
