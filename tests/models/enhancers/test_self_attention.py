"""SiamSA's self-attention: its options, whose weights act where, and networks with and without it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack import config
from siamtrack.config import ConfigError
from siamtrack.contracts import Crop, FeatureMap
from siamtrack.models import build_network
from siamtrack.models.enhancers.self_attention import SelfAttention, SelfAttentionEnhancer
from siamtrack.models.necks.adjust import AdjustNeck
from siamtrack.models.necks.attentive import AttentiveNeck

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
SMALL = [
    *("MODEL.BACKBONE.NAME", "convnet", "MODEL.BACKBONE.USED_LAYERS", "[3, 4]", "MODEL.NECK.OUT", "16"),
    *("MODEL.HEAD.HIDDEN", "32"),
]


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def level(number: int = 0, template: bool = False, channels: int = 16, side: int = 5) -> FeatureMap:
    return FeatureMap(drawn(2, channels, side, side), 127, 8, level=number, template=template)


def attention(**options) -> SelfAttention:
    torch.manual_seed(0)
    return SelfAttention(16, 4, **{"alpha": 0.5, **options})


@pytest.mark.parametrize(("softmax", "axis"), [("columns", 1), ("rows", 2)])
def test_the_softmax_runs_over_the_index_it_names(softmax, axis):
    weights = attention(softmax=softmax).attention(drawn(2, 16, 3, 4))
    assert weights.shape == (2, 12, 12)
    torch.testing.assert_close(weights.sum(axis), torch.ones(2, 12))
    assert (weights.sum(3 - axis) - 1).abs().max() > 1e-3


@settings(deadline=None, max_examples=15)
@given(st.permutations(range(6)), st.sampled_from(["columns", "rows"]), st.booleans())
def test_it_moves_with_the_cells(order, softmax, transposed):
    module, x = attention(softmax=softmax, transposed=transposed), drawn(1, 16, 2, 3)

    def shuffled(t: torch.Tensor) -> torch.Tensor:
        return t.flatten(2)[..., list(order)].view_as(t)

    torch.testing.assert_close(module(shuffled(x)), shuffled(module(x)))


def test_an_image_attends_to_itself_alone():
    module, x = attention(), drawn(3, 16, 4, 4)
    torch.testing.assert_close(module(x)[1:2], module(x[1:2]))


def test_the_usual_non_local_form_is_the_default_with_query_and_key_exchanged():
    default, usual = attention(), attention(softmax="rows", transposed=True)
    usual.query.load_state_dict(default.key.state_dict())
    usual.key.load_state_dict(default.query.state_dict())
    x = drawn(2, 16, 3, 3)
    torch.testing.assert_close(usual(x), default(x))


def test_a_fixed_alpha_is_kept_but_does_not_learn():
    module = attention(learn_alpha=False)
    assert "alpha" not in dict(module.named_parameters())
    assert module.state_dict()["alpha"] == 0.5


def test_options_show_in_the_weights():
    assert attention(bias=False).query.bias is None
    assert attention(value=True).value.weight.shape == (16, 16, 1, 1)
    assert attention(initialisation="normal").key.weight.std() < 0.02 < attention().key.weight.std()
    torch.testing.assert_close(attention(scaled=True).divisor, 2.0)


@pytest.mark.parametrize("per_level", [True, False])
@pytest.mark.parametrize("per_side", [True, False])
def test_whose_weights_act(per_level, per_side):
    enhancer = SelfAttentionEnhancer((16, 16), alpha=1.0, per_level=per_level, per_side=per_side)
    modules = [m for m in enhancer.modules() if isinstance(m, SelfAttention)]
    assert len(modules) == (2 if per_level else 1) * (2 if per_side else 1)
    outputs = {(n, side): enhancer(level(n, side)).map for n in (0, 1) for side in (False, True)}
    same_level = torch.equal(outputs[0, False], outputs[1, False])
    same_side = torch.equal(outputs[0, False], outputs[0, True])
    assert (same_level, same_side) == (not per_level, not per_side)


def test_parameters_are_counted_in_the_specification():
    enhancer = SelfAttentionEnhancer((256, 256))
    assert sum(p.numel() for p in enhancer.parameters()) == 32_898


def test_at_first_only_alpha_learns():
    enhancer = SelfAttentionEnhancer((16,))
    (enhancer(level()).map * drawn(2, 16, 5, 5, seed=1)).sum().backward()
    moving = {name for name, p in enhancer.named_parameters() if p.grad.any()}
    assert moving == {"levels.0.alpha"}


@pytest.mark.parametrize(
    ("channels", "options", "sentence"),
    [
        ((16, 32), {"per_level": False}, r"PER_LEVEL: one set of weights needs levels of one width, .* \[16, 32\]"),
        ((16, 32), {"reduction": 17}, "REDUCTION: 17 should lie between 1 and the 16 channels"),
        ((16,), {"reduction": 0}, "REDUCTION: 0 should lie between 1 and the 16 channels"),
    ],
)
def test_what_cannot_work_is_a_sentence(channels, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        SelfAttentionEnhancer(channels, **options)


def test_attention_on_the_backbones_maps_comes_before_the_neck():
    torch.manual_seed(0)
    neck = AttentiveNeck((16, 24), out=8, template_cells=3, alpha=0.7).eval()
    plain = AdjustNeck((16, 24), out=8, template_cells=3).eval()
    plain.levels.load_state_dict(neck.levels.state_dict())
    levels = [level(0, True), level(1, True, channels=24)]
    expected = plain([neck.attention(f) for f in levels], template=True)
    for ours, theirs in zip(neck(levels, template=True), expected, strict=True):
        assert ours.map.shape == (2, 8, 3, 3)
        assert torch.equal(ours.map, theirs.map)


def crop(side: int, seed: int) -> Crop:
    draw = torch.Generator().manual_seed(seed)
    return Crop(torch.randint(0, 256, (1, 3, side, side), generator=draw, dtype=torch.uint8))


READINGS = {
    "default": [],
    "whole template": ["MODEL.NECK.TEMPLATE_CELLS", "0", "MODEL.CORRELATION.CROP", "7"],
    "own weights": ["MODEL.ENHANCER.PER_SIDE", "true", "MODEL.ENHANCER.PER_LEVEL", "false"],
    "non-local": [
        "MODEL.ENHANCER.SOFTMAX",
        "rows",
        "MODEL.ENHANCER.TRANSPOSED",
        "true",
        "MODEL.ENHANCER.VALUE",
        "true",
    ],
    "after the backbone": ["MODEL.NECK.NAME", "attentive", "MODEL.NECK.OUT", "16", "MODEL.NECK.ALPHA", "0.1"],
}


@pytest.mark.parametrize("reading", READINGS)
@torch.no_grad()
def test_every_reading_is_an_edit_of_the_configuration(reading):
    """At alpha 0 every reading equals SiamPW-RBO with the same weights; at another alpha none does."""
    outputs = []
    for name, overrides in (("siampw_rbo", []), ("siamsa_rbo", READINGS[reading])):
        torch.manual_seed(0)
        network = build_network(config.load(CONFIGS / f"{name}/r50.yaml", [*SMALL, *overrides])).eval()
        if name == "siampw_rbo":
            weights = network.state_dict()
        else:
            missing, unexpected = network.load_state_dict(weights, strict=False)
            assert missing
            assert not unexpected
            assert all("attention." in key or key.startswith("enhancer.") for key in missing)
        attended = [module for module in network.modules() if isinstance(module, SelfAttention)]
        for alpha in (0.0, 0.5) if attended else (0.0,):
            for module in attended:
                module.alpha.fill_(alpha)
            outputs.append(network((crop(127, 1),), crop(255, 2)).logit)
    plain, at_zero, at_half = outputs
    assert torch.equal(at_zero, plain)
    assert not torch.allclose(at_half, plain)
