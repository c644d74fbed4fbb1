"""Validation by tracking: what is tracked, what it is scored by, and that training is none the worse for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from siamtrack import config, evaluation
from siamtrack.config import ConfigError
from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError
from siamtrack.data.synthetic import write_dataset
from siamtrack.engine.task import tasks
from siamtrack.engine.train import train
from siamtrack.models import build_network
from siamtrack.models.weights import read_weights
from siamtrack.tracking import build_tracker
from siamtrack.tracking.run import follow
from siamtrack.tracking.task import TrackingTask  # noqa: F401 - registers itself
from siamtrack.tracking.validation import Validation
from tests.tiny import TINY


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "world", 5, train=6, test=5, train_frames=4, test_frames=7)


def settings(**validate: Any) -> Any:
    tree = {**TINY, "TRAIN": {**TINY["TRAIN"], "VALIDATE": {"SETS": [{"NAME": "got10k", "SPLIT": "test"}], **validate}}}
    return config.loads(config.dump(tree), "the test")


def test_it_is_the_evaluation_of_the_first_frames(world: Path) -> None:
    cfg = settings(SEQUENCES=3, FRAMES=4)
    torch.manual_seed(0)
    network = build_network(cfg).eval()
    validation = Validation(cfg, world)
    sequences = [list(open_dataset("got10k", world, split="test"))[i] for i in (0, 2, 4)]
    assert [s.name for s in validation.sequences] == [s.name for s in sequences]
    assert [len(s) for s in validation.sequences] == [4, 4, 4]
    tracker = build_tracker(cfg, network)
    boxes = {s.name: follow(tracker, s).boxes[:4] for s in sequences}
    truths = [
        evaluation.Truth(s.name, s.boxes[:4], visible=None if s.visible is None else s.visible[:4], cover=s.cover[:4])
        for s in sequences
    ]
    (scores,) = evaluation.evaluate_all(truths, [evaluation.TrackerResults.of("x", boxes)], "pysot")
    with torch.no_grad():
        assert validation(network) == {"success": scores.value("success"), "precision": scores.value("precision@20")}


def test_two_sets_may_have_sequences_of_one_name(world: Path) -> None:
    cfg = settings(SEQUENCES=0, FRAMES=4)
    torch.manual_seed(0)
    network = build_network(cfg).eval()
    validation = Validation(cfg, world)
    with torch.no_grad():
        apart = validation(network)
        validation.sequences = [dataclasses.replace(s, name="same") for s in validation.sequences]
        assert validation(network) == apart


def test_all_of_all(world: Path) -> None:
    validation = Validation(settings(SEQUENCES=0, FRAMES=0), world)
    assert [len(s) for s in validation.sequences] == [7] * 5
    assert [len(s) for s in Validation(settings(SEQUENCES=99, FRAMES=99), world).sequences] == [7] * 5
    first = next(iter(Validation(settings(SEQUENCES=1, FRAMES=2), world).sequences))
    assert np.array_equal(np.stack(list(first.frames)), np.stack([first.frames[0], first.frames[1]]))
    with pytest.raises(IndexError):
        first.frames[2]


def test_a_run_is_validated_keeps_its_best_and_learns_the_same(world: Path, tmp_path: Path) -> None:
    ends = []
    for name, cfg in (("with", settings(SEQUENCES=2, FRAMES=3)), ("without", config.loads(config.dump(TINY), "x"))):
        train(cfg, tasks.build(cfg.TASK, cfg=cfg, data_root=str(world)), tmp_path / name, device="cpu")
        ends.append(read_weights(tmp_path / name / "checkpoints/epoch-0002.safetensors"))
    assert ends[0].meta["metrics"]["validation"].keys() == {"success", "precision"}
    assert all(torch.equal(tensor, ends[1].state[name]) for name, tensor in ends[0].state.items())
    best = read_weights(tmp_path / "with/checkpoints/best.safetensors").meta
    assert best["metrics"]["validation"]["success"] >= ends[0].meta["metrics"]["validation"]["success"]
    assert not (tmp_path / "without/checkpoints/best.safetensors").exists()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"FRAMES": 1}, "VALIDATE.FRAMES is 1; it should be 0 for all, or a number of frames, the first of which only"),
        ({"SEQUENCES": -1}, "VALIDATE.SEQUENCES is -1"),
    ],
)
def test_wrong_numbers_are_sentences(world: Path, wrong: dict[str, int], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Validation(settings(**wrong), world)


def test_a_set_that_is_not_there_is_told_before_training(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got10k"):
        Validation(settings(), tmp_path)
