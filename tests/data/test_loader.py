"""The same batches whoever makes them and wherever one starts; the pixels behind the boxes are the right ones."""

from __future__ import annotations

import itertools
import pickle

import cv2
import numpy as np
import pytest
import torch

from siamtrack.config import ConfigError, load
from siamtrack.contracts import map_tensors
from siamtrack.data.decode import decode_crops, to_planes
from siamtrack.data.index import index_sequences
from siamtrack.data.loader import RawBatch, TrainingData
from siamtrack.data.mixture import MixedSet, Mixture
from siamtrack.data.sequence import DataError, ImageFrames, Sequence

SMALL = (
    "CROP.TEMPLATE_SIZE",
    "31",
    "CROP.SEARCH_SIZE",
    "63",
    "CROP.AREA_SIZE",
    "127",
    "DATA.AUGMENT.SEARCH.SHIFT",
    "8",
)
RED, GREEN = (220, 20, 20), (20, 200, 20)


@pytest.fixture(scope="module")
def mixture(tmp_path_factory):
    """Three videos of six frames: a red target in the first two, a green one in the third, each where its box says."""
    root = tmp_path_factory.mktemp("frames")
    rng = np.random.default_rng(0)
    sequences = []
    for v, colour in enumerate((RED, RED, GREEN)):
        paths, boxes = [], []
        for f in range(6):
            frame = rng.integers(90, 110, (80, 100, 3), np.uint8)
            x, y = int(rng.integers(10, 60)), int(rng.integers(10, 40))
            cv2.rectangle(frame, (x, y), (x + 19, y + 15), colour[::-1], -1)
            paths.append(str(root / f"{v}_{f}.png"))
            boxes.append([x, y, 20, 16])
            cv2.imwrite(paths[-1], frame)
        sequences.append(Sequence(f"v{v}", ImageFrames(paths), np.array(boxes, np.float64)))
    return Mixture(
        [MixedSet(index_sequences("toy", sequences[:2])), MixedSet(index_sequences("toy2", sequences[2:]))], 5
    )


def _data(mixture, *pairs, workers=0, batch=8, samples=32):
    options = ("TRAIN.BATCH", str(batch), "DATA.SAMPLES_PER_EPOCH", str(samples), "DATA.WORKERS", str(workers))
    return TrainingData(load(overrides=[*SMALL, *options, *pairs]), mixture=mixture, pin_memory=False)


def _flat(value) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    map_tensors(value, lambda t: found.append(t) or t)
    return found


def _equal(a: RawBatch, b: RawBatch) -> bool:
    return all(torch.equal(x, y) for x, y in zip(_flat(a), _flat(b), strict=True))


def _all_equal(a, b) -> bool:
    a, b = list(a), list(b)
    return len(a) == len(b) > 0 and all(map(_equal, a, b))


def test_a_batch_says_what_it_holds(mixture):
    raw = next(_data(mixture).micro_batches(0))
    (template,) = raw.templates
    assert template.pixels.shape == (8, 3, 31, 31)
    assert raw.search.pixels.shape == (8, 3, 63, 63)
    assert raw.search.pixels.dtype == torch.uint8
    assert raw.search.box.shape == (8, 4)
    assert raw.search.box.dtype == torch.float32
    assert raw.present.dtype == torch.bool
    assert raw.seed.dtype == torch.int64
    assert (raw.seed >= 0).all()
    assert len(set(raw.seed.tolist())) == 8
    assert len(raw) == 8


def test_boxes_lie_on_their_targets(mixture):
    """Red or green inside the box, grey beside it: frame, map, box, channel order and flip agree."""
    data = _data(mixture, "DATA.AUGMENT.SEARCH.FLIP", "0.5", "DATA.SAMPLER.NEGATIVE", "0.5")
    for raw in data.micro_batches(0):
        for crop in (*raw.templates, raw.search):
            for pixels, (x1, y1, x2, y2) in zip(crop.pixels.float(), crop.box.tolist(), strict=True):
                inside = pixels[:, max(0, round(y1 + 2)) : round(y2 - 1), max(0, round(x1 + 2)) : round(x2 - 1)]
                assert inside.numel()
                colour = inside.mean((1, 2))
                assert min((colour - torch.tensor(c)).abs().max() for c in (RED, GREEN)) < 12
                left = pixels[:, :, : max(0, int(x1 - 2))]
                assert not left.numel() or (left - 100).abs().mean() < 8


def test_positive_pairs_share_their_target_and_negative_ones_need_not(mixture):
    centre = lambda crop: crop.pixels[:, :2, crop.size // 2, crop.size // 2].float().argmax(1)  # noqa: E731
    off = ("DATA.AUGMENT.SEARCH.SHIFT", "0")
    data = _data(mixture, "DATA.SAMPLER.NEGATIVE", "0.5", *off, samples=160)
    same, present = (torch.cat(list(x)) for x in zip(*(
        (centre(raw.templates[0]) == centre(raw.search), raw.present) for raw in data.micro_batches(0)
    ), strict=True))  # fmt: skip
    assert same[present].all()
    assert not same[~present].all()


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(mixture, workers):
    alone, shared = _data(mixture), _data(mixture, workers=workers)
    for epoch in (0, 1):  # the second epoch by the same, kept processes
        assert _all_equal(alone.micro_batches(epoch), shared.micro_batches(epoch))


@pytest.mark.parametrize("workers", [0, 2])
def test_starting_at_a_step_equals_skipping_to_it(mixture, workers):
    data = _data(mixture, workers=workers)
    whole = list(data.micro_batches(1))
    assert len(whole) == data.steps_per_epoch == 4
    assert _all_equal(data.micro_batches(1, first_step=3), whole[3:])
    half = data.micro_batches(1, first_step=1)
    assert _equal(next(half), whole[1])
    assert _all_equal(data.micro_batches(1, first_step=2), whole[2:]), "an iteration left in the middle does no harm"


def test_two_ranks_see_together_what_one_sees(mixture):
    data = _data(mixture, "TRAIN.DEVICE_BATCH", "2")
    one = list(data.micro_batches(0))
    assert len(one) == 4 * 4
    ranks = [list(data.micro_batches(0, rank=rank, world=2)) for rank in (0, 1)]
    assert _all_equal(itertools.chain.from_iterable(zip(*ranks, strict=True)), one)


def test_the_size_of_a_pass_does_not_change_the_samples(mixture):
    whole = next(_data(mixture).micro_batches(0))
    halves = list(itertools.islice(_data(mixture, "TRAIN.DEVICE_BATCH", "4").micro_batches(0), 2))
    assert torch.equal(torch.cat([half.search.pixels for half in halves]), whole.search.pixels)
    assert torch.equal(torch.cat([half.seed for half in halves]), whole.seed)


def test_epochs_and_seeds_differ(mixture):
    data = _data(mixture)
    assert not _equal(next(data.micro_batches(0)), next(data.micro_batches(1)))
    other = Mixture(mixture.sets, seed=6)
    assert not _equal(next(data.micro_batches(0)), next(_data(other).micro_batches(0)))


def test_the_runs_own_generator_is_left_alone(mixture):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    list(_data(mixture).micro_batches(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_preparing_adjusts_each_crop_by_its_own_numbers(mixture):
    data = _data(mixture, "DATA.AUGMENT.GRAY", "0.5", samples=64, batch=32)
    raw = next(data.micro_batches(0))
    batch = data.prepare(raw, "cpu")
    (template,) = batch.templates
    assert template.pixels.dtype == batch.search.pixels.dtype == torch.float32
    on_template, on_search = raw.photometry
    assert torch.equal(on_template.gray, on_search.gray), "grey is drawn for the pair"
    assert 0 < len(on_search.gray) < 32
    assert len(on_search.blurred) > 0
    assert len(on_template.blurred) == 0
    plain = sorted(set(range(32)) - set(on_search.gray.tolist()) - set(on_search.blurred.tolist()))[0]
    expected = raw.search.pixels[plain].float() - on_search.offset[plain, :, None, None]
    assert torch.equal(batch.search.pixels[plain], expected)
    assert torch.equal(batch.search.box, raw.search.box)
    assert torch.equal(batch.seed, raw.seed)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_image_is_a_sentence_with_its_path(tmp_path, workers):
    path = tmp_path / "bad.jpg"
    path.write_bytes(b"no picture")
    sequence = Sequence("s", ImageFrames([path]), np.array([[1.0, 1.0, 5.0, 5.0]]))
    broken = Mixture([MixedSet(index_sequences("broken", [sequence]))], 0)
    with pytest.raises(DataError, match=r"(?s)^(?!.*Traceback).*bad\.jpg"):
        next(_data(broken, workers=workers).micro_batches(0))


def test_a_second_iteration_ends_the_first_with_a_sentence(mixture):
    data = _data(mixture)
    first = data.micro_batches(0)
    next(first)
    second = data.micro_batches(0)
    next(second)
    with pytest.raises(RuntimeError, match="another iteration"):
        next(first)


def test_what_cannot_be_shared_out_is_refused(mixture):
    with pytest.raises(ConfigError, match="evenly to 3 devices"):
        _data(mixture).micro_batches(0, world=3)
    with pytest.raises(ConfigError, match="evenly to 2 devices in passes of 8"):
        _data(mixture, "TRAIN.DEVICE_BATCH", "8").micro_batches(0, world=2)
    with pytest.raises(ConfigError, match="at least one batch"):
        _data(mixture, samples=4)
    with pytest.raises(ValueError, match="rank 2"):
        _data(mixture).micro_batches(0, rank=2, world=2)


def test_a_file_named_twice_is_read_once(mixture, monkeypatch):
    from siamtrack.data.packed import store

    reads = []
    real = store.read_file
    monkeypatch.setattr(store, "read_file", lambda path: reads.append(path) or real(path))
    policy = _data(mixture).maker.policy
    affine = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    paths = [mixture.path(0), mixture.path(1), mixture.path(0)]
    crops, masks = decode_crops(policy, paths, [affine] * 3, [20, 30, 40])
    assert masks == [None] * 3
    assert sorted(reads) == sorted(paths[:2])
    assert [crop.shape[0] for crop in crops] == [20, 30, 40]
    np.testing.assert_array_equal(crops[0], crops[2][:20, :20])


def test_planes_are_written_in_place():
    crop = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    out = np.zeros((2, 3, 20, 20), np.uint8)
    to_planes(crop, out[1])
    np.testing.assert_array_equal(out[1], crop.transpose(2, 0, 1))
    assert not out[0].any()


def test_a_maker_survives_the_way_into_a_spawned_worker(mixture):
    maker = _data(mixture).maker
    assert _equal(pickle.loads(pickle.dumps(maker)).make(40, 3), maker.make(40, 3))  # noqa: S301 - our own bytes
