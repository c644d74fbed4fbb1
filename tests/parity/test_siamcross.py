"""SiamCross: its parts, losses and whole network against an independent evaluation of the paper's equations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from siamtrack import config
from siamtrack.contracts import Batch, Crop, FeatureMap, Fused, FusedSpec, Points, grid_points
from siamtrack.losses import Criterion
from siamtrack.losses.align import AlignCrossEntropy, overlap_label
from siamtrack.models.enhancers.scan import Scan, look_up, target_values, template_context
from siamtrack.models.heads.alignment import BoxAlignment, box_offsets
from siamtrack.models.heads.attention import ChannelAttention, SpatialAttention
from siamtrack.models.network import Pixels, SiameseNetwork
from siamtrack.models.slots import Backbone, correlations, enhancers, heads, necks
from siamtrack.targets.centre import CentreLabeller
from siamtrack.tracking.dense import fuse_scores

SYSTEM = "siamcross"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cfg():
    return config.load(ROOT / "configs/siamcross/r50.yaml")


@pytest.fixture
def drawn(seeded):
    """``drawn(name, shape, gain)``: an input of the fixture."""

    def draw(name: str, shape: tuple[int, ...], gain: float = 1.0) -> torch.Tensor:
        return torch.tensor(gain * seeded.uniform(f"cross/{name}", shape), dtype=torch.float32)

    return draw


def parameters(module: nn.Module, **values: torch.Tensor | float) -> nn.Module:
    """The module with these parameters, for evaluation."""
    with torch.no_grad():
        for name, value in values.items():
            module.get_parameter(name.replace("__", ".")).copy_(torch.as_tensor(value))
    return module.eval()


# Enhancer -----------------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_lut(parity, compare, drawn):
    _, about, stored = parity(SYSTEM)
    x, z = drawn("lut/fx", (2, 8, 5, 6)), drawn("lut/fz", (2, 8, 4, 3))
    values = (drawn("lut/V", (2, 4, 3)) > 0).float()
    actual = {"V": values}
    for suffix, divisor in (("", 1.0), (".sqrt_c", 8**0.5)):
        attention, found = look_up(x, z, values, divisor)
        actual |= {f"A{suffix}": attention, f"M{suffix}": found, f"out{suffix}": x + 0.7 * found}
    compare(SYSTEM, about, stored, "lut", actual)


def test_lut_values(parity, compare):
    _, about, stored = parity(SYSTEM)
    boxes = about["cases"]["lut_values"]["inputs"]["boxes_x1y1x2y2_in_template_crop"]
    actual = target_values(grid_points(15, 15, 127, 8), torch.tensor(boxes))
    compare(SYSTEM, about, stored, "lut_values", {"V": actual})


@torch.no_grad()
def test_template(parity, compare, drawn):
    _, about, stored = parity(SYSTEM)
    x, z = drawn("lut/fx", (2, 8, 5, 6)), drawn("lut/fz", (2, 8, 4, 3))
    actual = {}
    for reading in ("channel", "channel_reverse", "spatial"):
        actual[f"A.{reading}"], _ = template_context(z, x, reading)
        enhancer = parameters(Scan((8,), search="none", template=reading), beta=0.6)
        actual[f"out.{reading}"] = enhancer(FeatureMap(z, 127, 8), FeatureMap(x, 255, 8))[0].map
    compare(SYSTEM, about, stored, "template", actual)


# Head ---------------------------------------------------------------------------------------------------------------


def channel_attention(drawn) -> ChannelAttention:
    return parameters(
        ChannelAttention(32),
        reduce__weight=drawn("chan/fc1", (2, 32, 1, 1)),
        expand__weight=drawn("chan/fc2", (32, 2, 1, 1)),
    )


@torch.no_grad()
def test_channel(parity, compare, drawn):
    _, about, stored = parity(SYSTEM)
    f_cls = drawn("chan/f_cls", (2, 32, 5, 6), 2.0)
    attention, pooled = channel_attention(drawn), []
    attention.reduce.register_forward_pre_hook(lambda _, given: pooled.append(given[0]))
    weight = attention(f_cls)
    actual = {"avg": pooled[0], "max": pooled[1], "weight": weight, "out": weight * f_cls}
    compare(SYSTEM, about, stored, "channel", actual)


@torch.no_grad()
def test_spatial(parity, compare, drawn):
    _, about, stored = parity(SYSTEM)
    f_reg, f_cls = drawn("spat/f_reg", (2, 32, 5, 6), 2.0), drawn("chan/f_cls", (2, 32, 5, 6), 2.0)
    value = channel_attention(drawn)(f_cls) * f_cls
    bias = torch.cat([drawn(f"spat/slp{i}.bias", (1,), 0.3) for i in range(4)])
    actual = {}
    for descriptor, name, suffix in (("add", "slp", ""), ("concat", "slp_cat", ".concat")):
        inputs = 1 if descriptor == "add" else 2
        weight = torch.cat([drawn(f"spat/{name}{i}.weight", (1, inputs, 7, 7), 0.3) for i in range(4)])
        attention = parameters(SpatialAttention(descriptor=descriptor), slp__weight=weight, slp__bias=bias)
        actual[f"maps{suffix}"] = attention.maps(f_reg, f_reg)
        actual[f"out{suffix}"] = attention(f_reg, f_reg) * value
        if descriptor == "add":
            actual["descriptor"] = attention.describe(f_reg, f_reg)
    actual["out.one_multiply"] = actual["out"]
    compare(SYSTEM, about, stored, "spatial", actual)


@torch.no_grad()
def test_adca(parity, compare, drawn):
    _, about, stored = parity(SYSTEM)
    ltrb25 = (3.2 + 0.6 * drawn("adca/ltrb25", (1, 4, 25, 25)).double()).exp().float()
    ltrb7 = (2.4 + 0.8 * drawn("adca/ltrb7", (2, 4, 7, 7)).double()).exp().float()
    x, weight = drawn("adca/x", (2, 6, 7, 7)), drawn("adca/weight", (5, 6, 3, 3), 0.4)
    align = parameters(BoxAlignment(6, 5), conv__weight=weight)
    regular = parameters(BoxAlignment(6, 5, sampling="regular"), conv__weight=weight)
    boxes = Points(ltrb25[:, 0], ltrb25, 255, 8).boxes().permute(0, 3, 1, 2)
    actual = {
        "boxes": boxes, "offsets": box_offsets(ltrb25, 8), "offsets.ocean": box_offsets(ltrb25, 8, "ocean"),
        "offsets7": box_offsets(ltrb7, 8), "deform7": align.sample(x, ltrb7, 8), "plain7": regular.conv(x),
    }  # fmt: skip
    compare(SYSTEM, about, stored, "adca", actual)
    torch.testing.assert_close(align.sample(x, torch.full_like(ltrb7, 8.0), 8), actual["plain7"], rtol=1e-5, atol=1e-5)


def test_fusion(parity, compare, drawn):
    _, about, stored = parity(SYSTEM)
    logit, align = drawn("fuse/cls", (2, 1, 5, 5), 3.0), drawn("fuse/align", (2, 1, 5, 5), 3.0)
    actual = {"score": fuse_scores(logit, align, 0.07)}
    actual |= {f"score.{how}": fuse_scores(logit, align, 0.07, how) for how in ("printed", "sum", "logits")}
    compare(SYSTEM, about, stored, "fusion", actual)


# Training -----------------------------------------------------------------------------------------------------------


def batch(about) -> Batch:
    rows = about["cases"]["labels"]["inputs"]["boxes_x1y1x2y2"]
    box = torch.tensor([row or [92.0, 88.0, 168.0, 150.0] for row in rows])
    blank = Crop(torch.empty(len(rows), 3, 0, 0), box)
    return Batch((blank,), blank, torch.tensor([row is not None for row in rows]), torch.arange(len(rows)))


def test_labels(parity, compare):
    _, about, stored = parity(SYSTEM)
    given = batch(about)
    blank = Points(torch.zeros(6, 25, 25), torch.ones(6, 4, 25, 25), 255, 8)
    targets = CentreLabeller()(blank, given)
    actual = {"cls": targets.label, "reg_weight": targets.weight, "ltrb": targets.code}
    actual |= {f"cls.{rule}": CentreLabeller(cls=rule)(blank, given).label for rule in ("ocean", "ellipse")}
    compare(SYSTEM, about, stored, "labels", actual)


def test_loss(cfg, parity, compare, drawn):
    _, about, stored = parity(SYSTEM)
    logit, align = (drawn(f"loss/{name}", (6, 1, 25, 25), 2.0).requires_grad_() for name in ("cls", "align"))
    ltrb = (3.4 + 0.5 * drawn("loss/ltrb", (6, 4, 25, 25)).double()).exp().float().requires_grad_()
    prediction = Points(logit[:, 0], ltrb, 255, 8, align[:, 0])
    targets = CentreLabeller()(prediction, batch(about))
    terms = Criterion(cfg.LOSSES, Points)(prediction, targets)
    total = sum(terms.values())
    total.backward()
    weights = {section["NAME"]: section["WEIGHT"] for section in cfg.LOSSES}
    actual = {
        "cls": terms["cross_entropy"].detach() / weights["cross_entropy"],
        "align": terms["align"].detach() / weights["align"], "reg": terms["iou"].detach() / weights["iou"],
        "total": total.detach(), "grad.cls": logit.grad, "grad.align": align.grad, "grad.ltrb": ltrb.grad,
        "align_label.iou": overlap_label(prediction, targets),
        "align.iou": AlignCrossEntropy(label="iou")(prediction, targets).detach(),
    }  # fmt: skip
    compare(SYSTEM, about, stored, "loss", actual)


# Whole --------------------------------------------------------------------------------------------------------------


class Given(Backbone):
    """Maps in place of a backbone: the template's for the smaller crop, the search's for the larger one."""

    channels, stride = (256,), 8

    def __init__(self, maps: dict[int, torch.Tensor]) -> None:
        super().__init__()
        self.maps = maps

    def forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        return [self.maps[pixels.shape[-1]]]


def build(cfg, maps: dict[int, torch.Tensor]) -> SiameseNetwork:
    """The configuration's network from the neck's output on."""
    given = Given(maps)
    model = cfg.MODEL
    enhancer = enhancers.build(model.ENHANCER, channels=given.channels)
    head_class = heads.get(model.HEAD.NAME)
    joints = {b: correlations.build(model.CORRELATION, channels=256, branch=b) for b in head_class.branches}
    head = heads.build(model.HEAD, inputs=({b: FusedSpec(256) for b in joints},))
    network = SiameseNetwork(
        Pixels(), given, necks.build({"NAME": "none"}, channels=given.channels), enhancer,
        nn.ModuleList([nn.ModuleDict(joints)]), head,
    )  # fmt: skip
    return network.eval()


def ours(state: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """The fixture's state under our names; the SLPs are one convolution here."""
    renamed: dict[str, torch.Tensor] = {}
    branches, sides, layers = {"cls": "cls", "reg": "loc"}, {"z": "template", "x": "search"}, ("conv", "bn")
    for name, value in state.items():
        part, *path = name.split(".")
        leaf = path[-1]
        if part == "scan":
            key = f"enhancer.{leaf}"
        elif part == "embed":
            branch, side = path[0].split("_")
            key = f"correlations.0.{branches[branch]}.{sides[side]}.{layers[int(path[1])]}.{leaf}"
        elif path[0] == "slp":
            continue
        elif path[0].endswith("_tower"):
            key = f"head.{path[0]}.{int(path[1]) // 3}.{layers[int(path[1]) % 3]}.{leaf}"
        elif path[0] == "channel":
            key = f"head.channel.{ {'fc1': 'reduce', 'fc2': 'expand'}[path[1]] }.{leaf}"
        elif path[0] == "adca":
            key = f"head.align.{ {'conv': 'conv', 'cls': 'out'}[path[1]] }.{leaf}"
        elif path[0].endswith("_pred"):
            key = f"head.{path[0].replace('pred', 'out')}.{leaf}"
        else:
            key = f"head.distances.{path[0].removeprefix('reg_')}"
        renamed[key] = torch.from_numpy(np.asarray(value))
    for leaf in ("weight", "bias"):
        slps = [np.asarray(state[f"oain.slp.{i}.{leaf}"]) for i in range(4)]
        renamed[f"head.spatial.slp.{leaf}"] = torch.from_numpy(np.concatenate(slps))
    return renamed


@pytest.fixture(scope="module")
def network(cfg, parity):
    seeded, about, _ = parity(SYSTEM)
    network = build(cfg, {})
    missing, unexpected = network.load_state_dict(ours(seeded.state_dict(about)), strict=False)
    assert not unexpected
    assert [name for name in missing if not name.endswith("num_batches_tracked")] == []
    return network


def watched(head) -> tuple[dict[str, torch.Tensor], list]:
    """What happens inside the head, kept by name."""
    seen: dict[str, torch.Tensor] = {}
    hooks = [
        head.channel.register_forward_hook(lambda m, i, out: seen.update(channel_weight=out)),
        head.cls_tower.register_forward_pre_hook(lambda m, given: seen.update(f_cls_c=given[0])),
        head.reg_tower.register_forward_pre_hook(lambda m, given: seen.update(f_reg_s=given[0])),
        head.spatial.slp.register_forward_hook(
            lambda m, given, out: seen.update(descriptor=given[0], slp_maps=out.sigmoid())
        ),
        head.reg_out.register_forward_hook(lambda m, i, out: seen.update(reg=out)),
        head.align.out.register_forward_pre_hook(lambda m, given: seen.update(align_feature=given[0])),
    ]
    return seen, hooks


@torch.no_grad()
def test_oain(cfg, network, parity, compare, drawn):
    _, about, stored = parity(SYSTEM)
    f_cls, f_reg = (drawn(f"oain/{name}", (1, 256, 25, 25), 1.5) for name in ("f_cls", "f_reg"))
    seen, hooks = watched(network.head)
    points = network.head([{"cls": Fused(f_cls, 255, 8), "loc": Fused(f_reg, 255, 8)}])
    for hook in hooks:
        hook.remove()
    actual = seen | {
        "cls": points.logit, "ltrb": points.ltrb, "align": points.align, "offsets": box_offsets(points.ltrb, 8),
        "score": fuse_scores(points.logit, points.align, cfg.TRACK.ALIGN_WEIGHT, cfg.TRACK.FUSION),
    }  # fmt: skip
    compare(SYSTEM, about, stored, "oain", actual)


@torch.no_grad()
def test_network(cfg, network, parity, compare, drawn):
    _, about, stored = parity(SYSTEM)
    z, x = drawn("net/fz", (1, 256, 15, 15), 0.3), drawn("net/fx", (1, 256, 31, 31), 0.3)
    network.backbone.maps = {127: z, 255: x}
    box = torch.tensor([[31.25, 31.25, 94.75, 94.75]])
    enhanced: list = []
    seen, hooks = watched(network.head)
    hooks += [
        network.enhancer.register_forward_hook(lambda m, i, out: enhanced.extend(out)),
        network.head.register_forward_pre_hook(
            lambda m, given: seen.update(f_cls=given[0][0]["cls"].map, f_reg=given[0][0]["loc"].map)
        ),
    ]
    memory = network.remember(Crop(torch.zeros(1, 3, 127, 127), box))
    points = network.locate(memory, Crop(torch.zeros(1, 3, 255, 255)))
    for hook in hooks:
        hook.remove()
    values = target_values(grid_points(15, 15, 127, 8), box)
    template_attention, _ = template_context(z, x, network.enhancer.template)
    names = about["cases"]["network"]["outputs"]
    actual = {name: value for name, value in seen.items() if name in names} | {
        "template_A": template_attention, "M": look_up(x, z, values)[1],
        "f_z": enhanced[0].map, "f_x": enhanced[1].map,
        "cls": points.logit, "ltrb": points.ltrb, "align": points.align,
        "score": fuse_scores(points.logit, points.align, cfg.TRACK.ALIGN_WEIGHT, cfg.TRACK.FUSION),
    }  # fmt: skip
    compare(SYSTEM, about, stored, "network", actual)


def test_every_case_is_compared(parity):
    """A case that a later fixture brings must not pass unseen."""
    _, about, _ = parity(SYSTEM)
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert set(about["cases"]) <= tested
