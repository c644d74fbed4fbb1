"""Colours in batch: each sample its own, equal to OpenCV one at a time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.config import ConfigError, load
from siamtrack.data import augment, streams
from siamtrack.data.augment import BLUR_SIZES, COLOR_BASIS, Augmentation, Photometry, adjust_colours, cross_blur

RNG = np.random.default_rng(2)


def _kernel(size, weight):
    kernel = np.zeros((size, size))
    kernel[:, size // 2] += weight / size
    kernel[size // 2] += (1 - weight) / size
    return kernel


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.sampled_from(BLUR_SIZES.tolist()), min_size=1, max_size=4),
    weight=st.floats(0, 1),
    shape=st.sampled_from([(64, 64), (255, 255), (33, 50)]),
)
def test_cross_blur_equals_filter2d(sizes, weight, shape):
    images = RNG.integers(0, 256, (len(sizes), 3, *shape)).astype(np.float32)
    weights = np.linspace(weight, 1 - weight, len(sizes)).astype(np.float32)
    given_ = torch.from_numpy(images), torch.tensor(sizes), torch.from_numpy(weights)
    ours, on_devices = cross_blur(*given_).numpy(), augment._by_running_sums(*given_).numpy()
    for image, size, w, *both in zip(images, sizes, weights, ours, on_devices, strict=True):
        expected = cv2.filter2D(
            image.transpose(1, 2, 0).astype(np.float64), -1, _kernel(size, float(w)), borderType=cv2.BORDER_REFLECT_101
        )
        for blurred in both:
            assert np.abs(blurred.transpose(1, 2, 0) - expected).max() < 1e-4


def _photometry(count, gray=(), blur=None, offset=None):
    flags, sizes = np.zeros(count, bool), np.zeros(count, np.int64)
    flags[list(gray)] = True
    for i, size in (blur or {}).items():
        sizes[i] = size
    return Photometry.from_draws(flags, np.zeros((count, 3)) if offset is None else offset, sizes, np.full(count, 0.3))


def test_every_sample_has_its_own_treatment_and_the_rest_stays():
    pixels = torch.from_numpy(RNG.integers(0, 256, (5, 3, 40, 40), np.uint8))
    before = pixels.clone()
    out = adjust_colours(pixels, _photometry(5, gray=[1], blur={3: 7, 1: 9}))
    assert torch.equal(pixels, before), "the raw crops are not touched"
    assert out.dtype == torch.float32
    for untouched in (0, 2, 4):
        assert torch.equal(out[untouched], pixels[untouched].float())
    assert torch.equal(out[1, 0], out[1, 2])
    assert not torch.equal(out[3], pixels[3].float())


def test_grey_is_opencvs():
    pixels = RNG.integers(0, 256, (1, 3, 50, 60), np.uint8)
    ours = adjust_colours(torch.from_numpy(pixels), _photometry(1, gray=[0]))[0, 0].numpy()
    expected = cv2.cvtColor(np.ascontiguousarray(pixels[0].transpose(1, 2, 0)), cv2.COLOR_RGB2GRAY)
    assert np.abs(ours - expected).max() <= 1
    assert (ours != expected).mean() < 0.01


def test_colour_is_subtracted_and_not_clipped():
    pixels = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    out = adjust_colours(pixels, _photometry(2, offset=np.array([[1.0, 2.0, 3.0], [-4.0, 0.0, 300.0]])))
    assert out[:, :, 4, 4].tolist() == [[-1, -2, -3], [4, 0, -300]]


def _options(*pairs):
    return Augmentation(load(overrides=pairs).DATA.AUGMENT)


def test_draws_have_the_originals_distributions():
    augmentation = _options()
    words = streams.words(9, streams.SAMPLES, 0, 40_000, augmentation.search.WORDS)
    jitter = augmentation.search.jitter(words)
    assert np.abs(jitter.scale).max() <= 0.18
    assert np.abs(jitter.shift).max() <= 64
    assert np.abs(jitter.shift.std(0) - 64 / 3**0.5).max() < 0.5
    assert np.abs(jitter.scale.mean(0)).max() < 0.002
    assert not jitter.flip.any()
    drawn = augmentation.search.photometry(words, np.zeros(len(words), bool))
    assert abs(len(drawn.blurred) / len(words) - 0.2) < 0.01
    assert sorted(set(drawn.blur_size.tolist())) == BLUR_SIZES.tolist()
    assert abs(float(drawn.blur_weight.mean()) - 0.5) < 0.02
    covariance = np.cov(drawn.offset.numpy().T)
    assert np.abs(covariance - COLOR_BASIS @ COLOR_BASIS.T).max() < 2
    assert len(drawn.gray) == 0


def test_changing_one_probability_leaves_the_other_draws():
    words = streams.words(9, streams.SAMPLES, 0, 200, 16)
    plain, changed = _options(), _options("DATA.AUGMENT.SEARCH.BLUR", "0.9", "DATA.AUGMENT.SEARCH.FLIP", "0.5")
    a, b = plain.search.jitter(words), changed.search.jitter(words)
    np.testing.assert_array_equal(a.shift, b.shift)
    assert 50 < b.flip.sum() < 150
    gray = np.zeros(200, bool)
    p, q = plain.search.photometry(words, gray), changed.search.photometry(words, gray)
    assert torch.equal(p.offset, q.offset)
    assert set(p.blurred.tolist()) < set(q.blurred.tolist())


def test_template_is_never_blurred_by_default():
    words = streams.words(9, streams.SAMPLES, 0, 500, 16)
    assert len(_options().template.photometry(words, np.zeros(500, bool)).blurred) == 0


@pytest.mark.parametrize(
    ("key", "value"), [("GRAY", "2.0"), ("SEARCH.BLUR", "-0.1"), ("SEARCH.SCALE", "1.0"), ("TEMPLATE.SHIFT", "-4")]
)
def test_options_out_of_range_are_sentences(key, value):
    with pytest.raises(ConfigError, match=f"DATA.AUGMENT.{key}"):
        _options(f"DATA.AUGMENT.{key}", value)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_the_device_without_synchronisation_and_with_the_same_pixels():
    pixels = torch.from_numpy(RNG.integers(0, 256, (6, 3, 255, 255), np.uint8))
    offset = RNG.normal(0, 5, (6, 3))
    photometry = _photometry(6, gray=[2], blur={0: 45, 2: 5, 5: 21}, offset=offset)
    expected = adjust_colours(pixels, photometry)
    on_device, device_photometry = pixels.cuda(), photometry.to("cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        out = adjust_colours(on_device, device_photometry)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert (out.cpu() - expected).abs().max() < 1e-3
