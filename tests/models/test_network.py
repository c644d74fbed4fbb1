"""The network as a whole: remembering, locating, and what does not fit."""

from __future__ import annotations

import pytest
import torch

from siamtrack import config
from siamtrack.config import ConfigError
from siamtrack.contracts import Crop, Points
from siamtrack.models import build_network
from siamtrack.models.network import Pixels

SMALL = [
    *("MODEL.BACKBONE.NAME", "convnet", "MODEL.NECK.OUT", "16"),
    *("MODEL.CORRELATION.HIDDEN", "16", "MODEL.HEAD.HIDDEN", "16"),
]


def crops(n: int, size: int, seed: int) -> Crop:
    pixels = torch.randint(0, 256, (n, 3, size, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return Crop(pixels, torch.tensor([[size / 4, size / 4, size * 3 / 4, size * 3 / 4]]).expand(n, 4))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_network(config.load(overrides=SMALL)).eval()


def test_locating_twice_from_one_memory_equals_forward(network):
    template, search = crops(2, 127, 1), crops(2, 255, 2)
    with torch.no_grad():
        whole = network((template,), search)
        memory = network.remember(template)
        first, again = network.locate(memory, search), network.locate(memory, search)
        alone = network.locate(memory[1:], Crop(search.pixels[1:]))
    assert isinstance(whole, Points)
    torch.testing.assert_close(first.logit, whole.logit, rtol=0, atol=0)
    torch.testing.assert_close(again.ltrb, whole.ltrb, rtol=0, atol=0)
    torch.testing.assert_close(alone.logit, whole.logit[1:], rtol=1e-5, atol=1e-5)
    assert whole.logit.shape[1:] == (25, 25)
    assert (whole.ltrb > 0).all()


def test_every_parameter_learns(network):
    network.train()
    prediction = network((crops(2, 127, 1),), crops(2, 255, 2))
    (prediction.logit.square().mean() + prediction.ltrb.mean()).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None]
    network.zero_grad(set_to_none=True)
    network.eval()
    assert not without


def test_predictions_are_float32_under_autocast(network):
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        prediction = network((crops(1, 127, 1),), crops(1, 255, 2))
    assert prediction.logit.dtype == prediction.ltrb.dtype == torch.float32


def test_pixels_follow_the_networks_order_and_scale():
    rgb = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 3, 1, 1)
    assert Pixels()(rgb).flatten().tolist() == [30, 20, 10]
    scaled = Pixels(order="rgb", mean=(10, 10, 10), std=(2, 5, 10))(rgb)
    assert scaled.flatten().tolist() == [0, 2, 2]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["MODEL.NECK.TEMPLATE_CELLS", "2"], "the parts do not fit each other with a template of 127 px"),
        (["MODEL.HEAD.HIDEN", "8"], "key MODEL.HEAD.HIDEN: head 'ban' has no such option. Did you mean 'HIDDEN'?"),
        (["MODEL.CORRELATION.NAME", "deepwise"], "there is no correlation 'deepwise'. Did you mean 'depthwise'?"),
    ],
)
def test_what_does_not_fit_is_a_sentence(overrides, sentence):
    with pytest.raises(ConfigError) as error:
        build_network(config.load(overrides=[*SMALL, *overrides]))
    assert sentence in str(error.value)
