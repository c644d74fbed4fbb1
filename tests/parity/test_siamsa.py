"""SiamSA-RBO's self-attention against a direct evaluation of its equations, and its start at SiamPW-RBO."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.contracts import Crop
from siamtrack.models import build_network
from siamtrack.models.convert import map_state
from siamtrack.models.correlations.pixelwise import pixelwise_correlation
from siamtrack.models.enhancers.self_attention import SelfAttention
from tests.fixtures.parity import seeded
from tests.parity.test_siamban import rgb

SYSTEM = "siamsa"
ROOT = Path(__file__).resolve().parents[2]
SIZES = {"small": (2, 16, (3, 4), (5, 6)), "full": (1, 256, (7, 7), (31, 31))}


def attention(about: dict, size: str, **options) -> SelfAttention:
    """The module of one size with the fixture's weights."""
    channels = SIZES[size][1]
    module = SelfAttention(channels, channels // 8, **options)
    state = {
        name.removeprefix(f"{size}."): torch.from_numpy(value)
        for name, value in seeded.state_dict(about).items()
        if name.startswith(f"{size}.")
    }
    own = module.state_dict()
    module.load_state_dict({**own, **{name: value for name, value in state.items() if name in own}})
    return module


def drawn(size: str, name: str, gain: float = 2.0) -> torch.Tensor:
    batch, channels, z, x = SIZES[size]
    shape = (batch, channels, *(z if name == "z" else x))
    return torch.tensor(gain * seeded.uniform(f"siamsa/{size}/{name}", shape), dtype=torch.float32)


@pytest.mark.parametrize("size", ["small", "full"])
@torch.no_grad()
def test_attention_and_correlation(size, parity, compare):
    _, about, stored = parity(SYSTEM)
    module = attention(about, size, alpha=0.75)
    z, x = drawn(size, "z"), drawn(size, "x")
    actual = {
        "S_z": module.attention(z), "S_x": module.attention(x), "z_s": module(z), "x_s": module(x),
        "pwcorr": pixelwise_correlation(module(z), module(x)), "pwcorr_plain": pixelwise_correlation(z, x),
    }  # fmt: skip
    compare(SYSTEM, about, stored, size, actual)


@pytest.mark.parametrize("size", ["small", "full"])
def test_alpha_zero_gives_the_input_back(size, parity, compare):
    _, about, stored = parity(SYSTEM)
    module = attention(about, size)
    z, x = drawn(size, "z"), drawn(size, "x")
    attended = module(x)
    assert torch.equal(attended, x)
    assert torch.equal(module(z), z)
    (drawn(size, "g", gain=1.0) * attended).sum().backward()
    for name, parameter in module.named_parameters():
        assert name == "alpha" or not parameter.grad.any(), name
    actual = {"z_s": module(z).detach(), "x_s": attended.detach(), "grad_alpha": module.alpha.grad}
    compare(SYSTEM, about, stored, f"{size}_alpha_zero", actual)


@torch.no_grad()
def test_other_readings(parity, compare):
    _, about, stored = parity(SYSTEM)
    x = drawn("small", "x")
    readings = {
        "rows_softmax": {"softmax": "rows"},
        "scaled": {"scaled": True},
        "value": {"value": True},
        "transposed": {"softmax": "rows", "transposed": True},
    }
    actual = {name: attention(about, "small", alpha=0.75, **options)(x) for name, options in readings.items()}
    compare(SYSTEM, about, stored, "small_variants", actual)


def test_gradients(parity, compare):
    _, about, stored = parity(SYSTEM)
    module, x = attention(about, "small", alpha=0.75), drawn("small", "x").requires_grad_()
    (drawn("small", "g", gain=1.0) * module(x)).sum().backward()
    actual = {f"grad_{name}": parameter.grad for name, parameter in module.named_parameters() if name != "query.bias"}
    compare(SYSTEM, about, stored, "small_gradients", {**actual, "grad_x": x.grad})
    # a constant added to every query cancels in the softmax over queries
    assert module.query.bias.grad.abs().max() < 1e-4 * module.key.bias.grad.abs().max()


@torch.no_grad()
def test_a_siampw_checkpoint_gives_the_identical_output():
    about, _ = seeded.load("siampw_rbo")
    official = {name: torch.from_numpy(np.asarray(value)) for name, value in seeded.state_dict(about).items()}
    outputs = []
    for name in ("siampw_rbo", "siamsa_rbo"):
        network = build_network(config.load(ROOT / f"configs/{name}/r50.yaml"))
        conversion = map_state(official, network.state_dict(), "siampw_rbo")
        missing = {row.ours for row in conversion.problems}
        assert missing == {key for key in network.state_dict() if key.startswith("enhancer.")}
        assert bool(missing) == (name == "siamsa_rbo")
        network.load_state_dict(conversion.state, strict=False)
        prediction = network.eval()((Crop(rgb(seeded, ["rbo/z"], 127)),), Crop(rgb(seeded, ["rbo/x"], 255)))
        outputs.append((prediction.logit, prediction.ltrb))
    for plain, attended in zip(*outputs, strict=True):
        assert torch.equal(plain, attended)
