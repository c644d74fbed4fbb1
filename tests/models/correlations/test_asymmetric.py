"""Asymmetric convolution: the split of one convolution into two, and what the box prior reads."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from siamtrack import config
from siamtrack.config import ConfigError
from siamtrack.contracts import Crop, FeatureMap
from siamtrack.models import build_network
from siamtrack.models.correlations.asymmetric import AsymmetricCorrelation

SMALL = [
    *("MODEL.BACKBONE.NAME", "convnet", "MODEL.NECK.OUT", "8", "MODEL.CORRELATION.NAME", "asymmetric"),
    *("MODEL.CORRELATION.HIDDEN", "8", "MODEL.HEAD.NAME", "acm", "MODEL.HEAD.HIDDEN", "8"),
]
BOX = torch.tensor([[40.0, 45.0, 88.0, 81.0], [50.0, 20.0, 70.0, 115.0]])


def built(**options) -> AsymmetricCorrelation:
    torch.manual_seed(0)
    return AsymmetricCorrelation(6, "cls", hidden=4, **options).eval()


def template(box: torch.Tensor | None = BOX) -> FeatureMap:
    torch.manual_seed(1)
    return FeatureMap(torch.randn(2, 6, 7, 7), 127, 8, box=box)


def search() -> FeatureMap:
    torch.manual_seed(2)
    return FeatureMap(torch.randn(2, 6, 13, 13), 255, 8)


@torch.no_grad()
def test_it_is_one_convolution_over_the_template_laid_on_each_window() -> None:
    correlation = built(box_prior=False)
    z, x = correlation.template(template().map), correlation.search(search().map)
    sums = []
    correlation.activation.register_forward_pre_hook(lambda _, given: sums.append(given[0]))
    correlation([correlation.kernel(template())], search())
    joint = torch.cat([correlation.template_kernel.weight, correlation.search_kernel.weight], 1)
    for row in range(7):
        for column in range(7):
            window = torch.cat([z, x[:, :, row : row + 5, column : column + 5]], 1)
            expected = F.conv2d(window, joint, correlation.template_kernel.bias)[:, :, 0, 0]
            torch.testing.assert_close(sums[0][:, :, row, column], expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_one_vector_a_target_is_remembered() -> None:
    (vector,) = built().kernel(template())
    assert vector.shape == (2, 4, 1, 1)


@torch.no_grad()
def test_the_prior_reads_width_and_height_and_not_the_place() -> None:
    correlation = built()
    (vector,) = correlation.kernel(template())
    (moved,) = correlation.kernel(template(BOX + torch.tensor([9.0, -4.0, 9.0, -4.0])))
    (grown,) = correlation.kernel(template(BOX + torch.tensor([0.0, 0.0, 9.0, 0.0])))
    (without,) = built(box_prior=False).kernel(template(None))
    torch.testing.assert_close(moved, vector)
    assert not torch.allclose(grown, vector)
    sizes = BOX[:, 2:] - BOX[:, :2]
    torch.testing.assert_close(vector, correlation.template_kernel(correlation.template(template().map))
                               + correlation.box_prior.layers(sizes)[:, :, None, None])  # fmt: skip
    assert without.shape == vector.shape


def test_the_augmented_template_box_reaches_it_in_training_and_the_search_box_does_not() -> None:
    network = build_network(config.load(None, SMALL)).train()
    seen = []
    for level in network.correlations:
        for correlation in level.values():
            correlation.box_prior.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    pixels = torch.randint(0, 256, (2, 3, 127, 127), dtype=torch.uint8)
    searched = Crop(torch.randint(0, 256, (2, 3, 255, 255), dtype=torch.uint8), BOX + 60)
    network((Crop(pixels, BOX),), searched)
    assert len(seen) == 2
    assert all(torch.equal(box, BOX) for box in seen)


def test_a_template_without_a_box_is_refused() -> None:
    with pytest.raises(ValueError, match="BOX_PRIOR is on, but the template crop has no box"):
        built().kernel(template(None))


def test_one_sample_cannot_be_learnt_from() -> None:
    alone = FeatureMap(torch.zeros(1, 6, 7, 7), 127, 8, box=BOX[:1])
    with pytest.raises(ValueError, match=r"at least\s+2"):
        built().train().kernel(alone)


def test_a_kernel_that_does_not_cover_the_template_is_refused_at_build() -> None:
    with pytest.raises(ConfigError, match=r"CORRELATION\.KERNEL is 3, but should be .* 5 x 5 cells"):
        build_network(config.load(None, [*SMALL, "MODEL.CORRELATION.KERNEL", "3"]))
