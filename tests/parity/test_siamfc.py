"""SiamFC: network, labels, loss, training step, rates, crops and track against the original's outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.contracts import Batch, Crop, Response
from siamtrack.crops.context import mean_colour
from siamtrack.crops.siamfc import SiamFCCrop, exemplar_window
from siamtrack.engine.learner import Learner
from siamtrack.engine.task import Shard
from siamtrack.losses import Criterion
from siamtrack.losses.cross_entropy import BalancedCrossEntropy
from siamtrack.models import build_network
from siamtrack.models.convert import map_state
from siamtrack.models.correlations.cross import cross_correlation
from siamtrack.targets import labellers
from siamtrack.targets.response import ResponseLabeller
from siamtrack.tracking import build_tracker
from siamtrack.tracking.response import ResponseTracker, normalised_window

SYSTEM = "siamfc"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cfg():
    return config.load(ROOT / "configs/siamfc/alexnet.yaml")


def loaded(cfg, seeded, about):
    """The network of the configuration with the fixture's weights, and our name of each official tensor."""
    network = build_network(cfg)
    official = {k: torch.from_numpy(np.asarray(v)) for k, v in seeded.state_dict(about).items()}
    conversion = map_state(official, network.state_dict(), SYSTEM)
    assert not conversion.problems, conversion.problems[:3]
    network.load_state_dict(conversion.state)
    return network, {row.official: row.ours for row in conversion.rows}


def pixels(seeded, names, size) -> torch.Tensor:
    """The fixture's pictures, which are RGB."""
    pictures = np.stack([seeded.image(name, size, size) for name in names])
    return torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy())


def drawn(seeded, name: str, shape, scale: float = 1.0) -> torch.Tensor:
    return torch.tensor(scale * seeded.uniform(name, shape), dtype=torch.float32)


def labelled(logit: torch.Tensor, size: int):
    """A response and its targets; the boxes lie anywhere, because the labels do not follow them."""
    prediction = Response(logit, size, 8)
    blank = Crop(torch.empty(len(logit), 3, 0, 0), torch.full((len(logit), 4), 3.0))
    batch = Batch((blank,), blank, torch.ones(len(logit), dtype=torch.bool), torch.arange(len(logit)))
    return prediction, ResponseLabeller()(prediction, batch)


def test_forward(cfg, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    network, _ = loaded(cfg, seeded, about)
    network.eval()
    seen: dict[str, list] = {}
    for i in range(1, 6):
        part = getattr(network.backbone, f"conv{i}")
        part.register_forward_hook(lambda _, __, out, i=i: seen.setdefault(f"conv{i}", []).append(out))
    with torch.no_grad():
        memory = network.remember(Crop(pixels(seeded, ["siamfc/z"], 127)))
        prediction = network.locate(memory.expand(2), Crop(pixels(seeded, ["siamfc/x0", "siamfc/x1"], 255)))
    actual = {"response": prediction.logit[:, None]}
    for name, (template, search) in seen.items():
        actual |= {f"z_{name}": template, f"x_{name}": search}
    compare(SYSTEM, about, stored, "eval_forward", actual)


def test_head(parity, compare):
    seeded, about, stored = parity(SYSTEM)
    z, x = drawn(seeded, "siamfc/head/z", (3, 4, 2, 2)), drawn(seeded, "siamfc/head/x", (3, 4, 5, 5))
    shared = cross_correlation(x, z[:1].expand(3, -1, -1, -1))
    torch.testing.assert_close(shared, cross_correlation(x, z[:1].repeat(3, 1, 1, 1)))
    actual = {"pairs": cross_correlation(x, z) * 0.001, "shared": shared * 0.001}
    compare(SYSTEM, about, stored, "head", actual)


def test_loss(parity, compare):
    seeded, about, stored = parity(SYSTEM)
    response = drawn(seeded, "siamfc/loss/response", (4, 1, 15, 15), 3).requires_grad_()
    prediction, targets = labelled(response[:, 0], 239)
    loss = BalancedCrossEntropy()(prediction, targets)
    (gradient,) = torch.autograd.grad(loss, response)
    _, wider = labelled(torch.zeros(1, 17, 17), 255)
    compare(SYSTEM, about, stored, "loss", {
        "labels15": targets.label[:1, None], "labels17": wider.label[:, None], "loss": loss.detach(), "grad": gradient,
    })  # fmt: skip


class OneProcess:
    """What a learner asks of the processes, for a single one on the CPU."""

    rank, world, main, device = 0, 1, True, torch.device("cpu")

    def wrap(self, model):
        return model


def test_training_step(cfg, parity, compare, record):
    seeded, about, stored = parity(SYSTEM)
    case = "train_step"
    network, ours = loaded(cfg, seeded, about)
    learner = Learner(cfg.TRAIN, network.train(), OneProcess(), Shard.plan(cfg.TRAIN.BATCH, 0, 0, 1))
    learner.enter(0)
    learner.begin_step(0, 0.0)
    template, search = (
        pixels(seeded, [f"siamfc/train/{s}{i}" for i in range(4)], n) for s, n in (("z", 127), ("x", 239))
    )
    batch = Batch((Crop(template),), Crop(search, torch.zeros(4, 4)), torch.ones(4, dtype=torch.bool), torch.arange(4))
    prediction = network(batch.templates, batch.search)
    targets = labellers.build(cfg.TARGETS)(prediction, batch)
    (loss,) = Criterion(cfg.LOSSES, Response)(prediction, targets).values()
    learner.backward(loss)
    names = about["cases"][case]["grad_names"]
    parameters = dict(network.named_parameters())
    gradients = torch.stack([parameters[ours[name]].grad.double().norm() for name in names])
    expected = torch.from_numpy(stored[f"{case}/grad_norms"])
    # the note's rule: each norm by itself, relative 1e-3 and absolute 1e-4; the error is given in parts of that
    error = ((gradients - expected).abs() / (1e-3 * expected.abs() + 1e-4)).max()
    record(SYSTEM, case, float(error), 1.0, "in parts of relative 1e-3 plus absolute 1e-4, norm by norm", "grad_norms")
    _, skipped, _ = learner.finish_step(torch.zeros(()))
    assert not skipped
    actual = {
        "loss": loss.detach(), "response": prediction.logit.detach()[:, None],
        "param_norms_after": torch.stack([parameters[ours[name]].detach().double().norm() for name in names]),
        "conv1_running_var_after": network.backbone.conv1[1].running_var,
    }  # fmt: skip
    compare(SYSTEM, about, stored, case, actual, skip=("grad_norms",))


def test_learning_rate(cfg, parity, compare):
    _, about, stored = parity(SYSTEM)
    learner = Learner(cfg.TRAIN, build_network(cfg), OneProcess(), Shard.plan(cfg.TRAIN.BATCH, 0, 0, 1))
    rates = []
    for epoch in range(cfg.TRAIN.EPOCHS):
        learner.enter(epoch)
        (rate,) = set(learner.begin_step(epoch, 0.0).values())
        rates.append(rate)
    compare(SYSTEM, about, stored, "learning_rate", {"lr": rates})


def test_crops(parity, compare):
    seeded, about, stored = parity(SYSTEM)
    inputs = about["cases"]["crops"]["inputs"]
    image = seeded.image("siamfc/crop", 180, 240)
    height, width = image.shape[:2]
    mean = mean_colour(image)
    actual = {}
    for i, ((y, x), side, out, border) in enumerate(inputs["crops"]):
        colour = mean if border == "mean colour" else np.array(border)
        actual[f"crop{i}"] = exemplar_window(image, (x + 0.5, y + 0.5), side, out, colour)
    for i, (x, y, w, h) in enumerate(inputs["boxes"]):  # 1-based
        crop, _ = SiamFCCrop().search(image, (x - 1 + w / 2, y - 1 + h / 2), (w, h))
        actual[f"pair_crop{i}"] = crop.pixels[0].permute(1, 2, 0)
    for name, side in (("larger", 200), ("smaller", 127)):
        actual[f"center_crop_{name}"] = exemplar_window(image, (width / 2, height / 2), side, side, mean)
    compare(SYSTEM, about, stored, "crops", actual)


def video(seeded, t: int) -> np.ndarray:
    """Frame t of the fixture's video, in RGB as this tracker gets it."""
    frame = seeded.image("siamfc/video/background", 240, 320, 24)
    frame[80 + 2 * t : 124 + 2 * t, 110 + 4 * t : 170 + 4 * t] = seeded.image("siamfc/video/target", 44, 60, 8)
    return frame


def from_one(box) -> tuple[float, float, float, float]:
    """The original's boxes count from 1."""
    x, y, w, h = box
    return x - 1, y - 1, w, h


def to_one(box) -> tuple[float, float, float, float]:
    x, y, w, h = box
    return x + 1, y + 1, w, h


def sides(tracker: ResponseTracker) -> tuple[float, float]:
    """The original's z_sz and x_sz."""
    w, h = tracker.size
    z = float(np.sqrt((w + (w + h) / 2) * (h + (w + h) / 2)))
    return z, z * 255 / 127


def test_track(cfg, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    network, _ = loaded(cfg, seeded, about)
    tracker = build_tracker(cfg, network)
    first = video(seeded, 0)
    tracker.init(first, from_one((111, 81, 60, 44)))
    actual = {
        "avg_color": mean_colour(first), "hann": normalised_window(272, 272)[136], "scale_factors": tracker.factors,
        "kernel": tracker.memory.templates[0].kernels[0]["shared"][0][:1],
    }  # fmt: skip
    actual["z_sz"], actual["x_sz"] = sides(tracker)
    actual["bbox"] = [to_one(tracker.update(video(seeded, t)).box) for t in range(1, 10)]
    compare(SYSTEM, about, stored, "track", actual)


def test_post(cfg, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    responses = drawn(seeded, "siamfc/post/responses", (3, 1, 17, 17), 2)
    tracker = build_tracker(cfg)
    tracker.init(video(seeded, 0), from_one(about["cases"]["post"]["inputs"]["initial box"]))
    tracker.network.locate = lambda memory, search: Response(responses[:, 0], 255, 8)
    box = to_one(tracker.update(video(seeded, 1)).box)
    z, x = sides(tracker)
    compare(SYSTEM, about, stored, "post", {"bbox": box, "z_sz_after": z, "x_sz_after": x})
