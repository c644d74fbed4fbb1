"""Of every sampler: the same samples for any number of workers and ranks, and from any step of an epoch on."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
import torch

from siamtrack.config import load
from siamtrack.contracts import map_tensors
from siamtrack.data.index import index_sequences
from siamtrack.data.loader import RawBatch, TrainingData
from siamtrack.data.mixture import MixedSet, Mixture
from siamtrack.data.sampling import samplers
from siamtrack.data.sequence import ImageFrames, Sequence

SMALL = ("CROP.TEMPLATE_SIZE", "15", "CROP.SEARCH_SIZE", "31", "CROP.AREA_SIZE", "63", "DATA.AUGMENT.SEARCH.SHIFT", "4")
SAMPLERS = [*samplers]


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Videos of two categories, in which the target hides now and then, and still images."""
    root = tmp_path_factory.mktemp("frames")
    rng = np.random.default_rng(0)

    def sequence(name, frames, category):
        paths = [root / f"{name}_{frame}.png" for frame in range(frames)]
        for path in paths:
            cv2.imwrite(str(path), rng.integers(0, 256, (24, 32, 3), np.uint8))
        boxes = np.concatenate([rng.uniform(4, 12, (frames, 2)), rng.uniform(6, 12, (frames, 2))], 1)
        visible = rng.random(frames) < 0.8 if frames > 1 else None
        return Sequence(name, ImageFrames(paths), boxes, visible=visible, category=category)

    videos = [sequence(f"v{i}", 22, "cat" if i else "dog") for i in range(4)]
    return [videos, [sequence(f"s{i}", 1, "") for i in range(5)]]


def data(sets, sampler, workers=0, by_category=False):
    parts = [
        MixedSet(index_sequences(f"set{i}", part), frame_range=7, num_use=6, by_category=by_category and not i)
        for i, part in enumerate(sets)
    ]
    options = ["TRAIN.BATCH", "6", "TRAIN.DEVICE_BATCH", "3", "DATA.SAMPLES_PER_EPOCH", "24"]
    options += ["DATA.WORKERS", str(workers), "DATA.SAMPLER.NAME", sampler]
    return TrainingData(load(overrides=[*SMALL, *options]), mixture=Mixture(parts, 4), pin_memory=False)


def equal(a: RawBatch, b: RawBatch) -> bool:
    flat: list[list[torch.Tensor]] = [[], []]
    for value, found in zip((a, b), flat, strict=True):
        map_tensors(value, lambda tensor, found=found: found.append(tensor) or tensor)
    return len(flat[0]) == len(flat[1]) and all(map(torch.equal, *flat))


@pytest.mark.parametrize("by_category", [False, True])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_samples_depend_on_nothing_but_their_number(sets, sampler, by_category):
    alone = data(sets, sampler, by_category=by_category)
    whole = list(alone.micro_batches(1))
    assert len(whole) == 8
    assert not equal(whole[0], whole[1])
    resumed = list(alone.micro_batches(1, first_step=2))
    assert all(map(equal, resumed, whole[4:]))
    ranks = [list(alone.micro_batches(1, rank=rank, world=2)) for rank in (0, 1)]
    together = list(itertools.chain.from_iterable(zip(*ranks, strict=True)))
    assert len(together) == 8
    assert all(map(equal, together, whole))
    shared = data(sets, sampler, workers=2, by_category=by_category)
    assert all(map(equal, shared.micro_batches(1), whole))
    assert all(map(equal, shared.micro_batches(1, first_step=3), whole[6:])), "by the same, kept workers"


def test_all_samplers_are_here():
    assert {"pairs", "causal", "trident", "trident_pro"} <= set(SAMPLERS)
