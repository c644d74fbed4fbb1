"""Training sees the same samples from loose and from packed files, whichever decoder makes them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamtrack.config import ConfigError, load
from siamtrack.contracts import map_tensors
from siamtrack.crops import crop_policies
from siamtrack.data import picture
from siamtrack.data.augment import Augmentation
from siamtrack.data.batches import BatchMaker
from siamtrack.data.index import index_sequences
from siamtrack.data.mixture import MixedSet, Mixture
from siamtrack.data.packed.pack import pack
from siamtrack.data.picture import checked_decoder
from siamtrack.data.readers import open_dataset
from siamtrack.data.sampling.pairs import PairSampler

POLICIES = {"context": {"AREA_SIZE": 255}, "area": {}, "siamfc": {}}


@pytest.fixture(scope="module")
def packed(loose, tmp_path_factory):
    output = tmp_path_factory.mktemp("packed") / "GOT-10k"
    pack("got10k", loose, output, split="train", jobs=1)
    return output


def _samples(root, policy: str, decoder: str) -> list[torch.Tensor]:
    cfg = load(overrides=["CROP.NAME", policy, "DATA.AUGMENT.MIRROR", "0.5", "DATA.AUGMENT.SEARCH.SHIFT", "1.0"])
    mixture = Mixture([MixedSet(index_sequences("toy", open_dataset("got10k", root, split="train")))], 3)
    made = BatchMaker(
        crop_policies.build({"NAME": policy}),
        mixture,
        PairSampler(mixture, negative=0.3),
        Augmentation(cfg.DATA.AUGMENT),
        decoder,
    ).make(100, 40)
    found: list[torch.Tensor] = []
    map_tensors(made, lambda t: found.append(t) or t)
    return found


@pytest.mark.parametrize("policy", POLICIES)
def test_samples_are_the_same_from_files_and_shards_whole_or_in_part(loose, packed, policy, monkeypatch):
    expected = _samples(loose, policy, "whole")
    parts = []
    real = picture.decode_tiles
    monkeypatch.setattr(picture, "decode_tiles", lambda *given: parts.append(given) or real(*given))
    for root, decoder in ((loose, "auto"), (packed, "auto"), (packed, "whole")):
        for ours, theirs in zip(_samples(root, policy, decoder), expected, strict=True):
            assert torch.equal(ours, theirs)
    assert len(parts) > 20, "packed frames are decoded by tiles"


def test_nvimgcodec_gives_the_same_samples(loose):
    pytest.importorskip("nvidia.nvimgcodec")
    for ours, theirs in zip(_samples(loose, "area", "nvimgcodec"), _samples(loose, "area", "whole"), strict=True):
        assert torch.equal(ours, theirs)


def test_a_decoder_that_is_not_there_is_a_sentence(monkeypatch):
    from siamtrack.data.jpeg import nvimgcodec

    assert checked_decoder("whole") == "whole"
    with pytest.raises(ConfigError, match=r"DATA\.DECODER: 'fast' should be one of auto, whole, nvimgcodec"):
        checked_decoder("fast")
    monkeypatch.setattr(nvimgcodec.importlib.util, "find_spec", lambda name: None)
    nvimgcodec.check_installed.cache_clear()
    with pytest.raises(ConfigError, match=r"pip install siamtrack\[nvimgcodec\]"):
        checked_decoder("nvimgcodec")
    nvimgcodec.check_installed.cache_clear()


def test_without_a_libjpeg_whole_pictures_are_decoded(loose, monkeypatch):
    from siamtrack.data.jpeg import region

    monkeypatch.setattr(region.libjpeg, "library", lambda: None)
    file = loose / "train/a/00000001.jpg"
    part = picture.Picture(str(file))[10:30, 20:60]
    np.testing.assert_array_equal(part, picture.read_image(file)[10:30, 20:60])
