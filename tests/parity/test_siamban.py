"""SiamBAN, ResNet-50, three levels: network, training step and track against the original's outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.contracts import Batch, Crop
from siamtrack.engine.learner import Learner
from siamtrack.engine.task import Shard
from siamtrack.losses import Criterion
from siamtrack.models import build_network
from siamtrack.models.convert import map_state
from siamtrack.targets.points import PointLabeller
from siamtrack.tracking import build_tracker

SYSTEM = "siamban_r50_l234"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cfg():
    return config.load(ROOT / "configs/siamban/r50.yaml")


def loaded(cfg, seeded, about, *parts):
    """The network of the configuration with the fixture's weights, through the converter's rules."""
    network = build_network(cfg)
    official = {}
    for part in parts:
        official.update({k: torch.from_numpy(np.asarray(v)) for k, v in seeded.state_dict(about, part).items()})
    conversion = map_state(official, network.state_dict(), "siamban")
    assert not conversion.problems, conversion.problems[:3]
    network.load_state_dict(conversion.state)
    return network, {row.official: row.ours for row in conversion.rows}


def rgb(seeded, names, size) -> torch.Tensor:
    """The fixture's BGR pictures as our RGB crops."""
    pictures = np.stack([seeded.image(name, size, size)[..., ::-1] for name in names])
    return torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy())


def watch(network, outputs, names):
    """Keep what modules give, in lists: one entry per call."""
    modules = dict(network.named_modules())
    return [
        modules[name].register_forward_hook(lambda _, __, out, name=name: outputs.setdefault(name, []).append(out))
        for name in names
    ]


def test_forward(cfg, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    network, _ = loaded(cfg, seeded, about, "state")
    network.eval()
    inputs = about["cases"]["forward_eval"]["inputs"]
    seen = {}
    towers = [f"head.levels.{i}.{branch}" for i in range(3) for branch in ("cls", "loc")]
    watch(network, seen, ["backbone", "neck", *towers])
    template, search = Crop(rgb(seeded, inputs["template"], 127)), Crop(rgb(seeded, inputs["search"], 255))
    with torch.no_grad():
        prediction = network((template,), search)
    # the head's two channels, for the levels and for their weighted sum
    scores = [seen[f"head.levels.{i}.cls"][0] for i in range(3)]
    weights = network.head.cls_weight.softmax(0)
    fused = sum(w * s for w, s in zip(weights, scores, strict=True)).detach()
    actual = {"cls": fused, "loc": prediction.ltrb, "score": prediction.logit.sigmoid()}
    for i, level in enumerate((2, 3, 4)):
        raw = seen[f"head.levels.{i}.loc"][0]
        actual |= {
            f"backbone/template/p{level}": seen["backbone"][0][i], f"backbone/search/p{level}": seen["backbone"][1][i],
            f"neck/template/{level}": seen["neck"][0][i].map, f"neck/search/{level}": seen["neck"][1][i].map,
            f"level{level}/cls": scores[i], f"level{level}/loc_raw": raw,
            f"level{level}/loc": torch.exp(raw * network.head.loc_scale[i]).detach(),
        }  # fmt: skip
    torch.testing.assert_close(prediction.logit, fused[:, 1] - fused[:, 0], rtol=1e-4, atol=1e-4)
    compare(SYSTEM, about, stored, "forward_eval", actual)


class OneProcess:
    """What a learner asks of the processes, for a single one on the CPU."""

    rank, world, main, device = 0, 1, True, torch.device("cpu")

    def wrap(self, model):
        return model


@pytest.mark.parametrize("case", ["train_epoch0", "train_epoch10"])
def test_training_step(cfg, parity, compare, case):
    seeded, about, stored = parity(SYSTEM)
    network, ours = loaded(cfg, seeded, about, "state", "state_train")
    inputs = about["cases"][case]["inputs"]
    # one GPU's share of the original's step: its own mean, not the sum over three GPUs
    alone = config.override(cfg, ["TRAIN.BATCH", "2", "TRAIN.GRADIENT_REDUCTION", "mean"])
    learner = Learner(alone.TRAIN, network.train(), OneProcess(), Shard.plan(2, 0, 0, 1))
    learner.enter(inputs["epoch"])
    learner.begin_step(inputs["epoch"], 0.0)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}

    rows = inputs["rows"]
    box = torch.tensor([row["box"] for row in rows], dtype=torch.float32)
    present = torch.tensor([not row["negative_pair"] for row in rows])
    search = Crop(rgb(seeded, inputs["search"], 255), box)
    batch = Batch((Crop(rgb(seeded, inputs["template"], 127)),), search, present, torch.arange(2))
    prediction = network(batch.templates, batch.search)
    targets = PointLabeller(positives=0, negatives=0, negative_pair=0)(prediction, batch)
    terms = Criterion(cfg.LOSSES, type(prediction))(prediction, targets)
    modes = dict(network.named_modules())
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    learner.backward(sum(terms.values()))
    parameters = dict(network.named_parameters())
    gradients = {
        name: None if parameters[ours[name]].grad is None else parameters[ours[name]].grad.clone()
        for name in inputs["parameters"]
    }
    norms, skipped, _ = learner.finish_step(torch.zeros(()))
    assert not skipped

    def module(name: str) -> str:
        return ours[f"{name}.weight"].removesuffix(".weight")

    actual = {
        "total_loss": sum(terms.values()).detach(), "cls_loss": terms["cross_entropy"].detach(),
        "loc_loss": terms["iou"].detach(), "total_grad_norm": norms[0],
        "has_grad": [gradients[name] is not None for name in inputs["parameters"]],
        "num_batches_tracked": [buffers[f"{module(name)}.num_batches_tracked"] for name in inputs["batch_norms"]],
        "bn_training": [modes[module(name)].training for name in inputs["batch_norms"]],
        "lr": rates(learner, cfg, inputs["epoch"]),
    }  # fmt: skip
    for output in about["cases"][case]["outputs"]:
        kind, _, name = output.partition("/")
        if kind == "grad":
            actual[output] = gradients[name]
        elif kind == "grad_norm":
            actual[output] = gradients[name].norm()
        elif kind == "step_norm":
            actual[output] = (parameters[ours[name]].detach() - before[ours[name]]).norm()
        elif kind in ("running_mean", "running_var"):
            actual[output] = buffers[f"{module(name)}.{kind}"]
    compare(SYSTEM, about, stored, case, actual)


def rates(learner: Learner, cfg, epoch: int) -> list[float]:
    """Rates of backbone, neck and head; a group that does not learn yet has the one it will start from."""
    used = {group["name"]: group["lr"] for group in learner.optimizer.param_groups}
    head = max(used.values())
    backbone = min(used.values()) if epoch >= 10 else head * dict(learner.phases[-1].rates)["backbone"]
    return [backbone, head, head]


def test_track(cfg, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    network, _ = loaded(cfg, seeded, about, "state")
    inputs = about["cases"]["track"]["inputs"]
    tracker = build_tracker(cfg, network)
    background, patch = seeded.image(*inputs["background"]), seeded.image(*inputs["patch"])

    def frame(i: int) -> np.ndarray:
        x, y = inputs["path"][i]
        picture = background.copy()
        picture[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
        return np.ascontiguousarray(picture[..., ::-1])

    x, y, w, h = inputs["init_box"]
    tracker.init(frame(0), (x - 0.5, y - 0.5, w, h))  # the original's centre is x + (w - 1) / 2
    choices = []
    choose = tracker.choose
    tracker.choose = lambda *given: choices.append(choose(*given)) or choices[-1]
    results = [tracker.update(frame(i)) for i in range(1, len(inputs["path"]))]
    ordered = [np.sort(choice.penalised) for choice in choices]
    actual = {
        "boxes": [r.box for r in results], "scores": [r.score for r in results],
        "best_index": [c.index for c in choices], "margin": [o[-1] - o[-2] for o in ordered],
    }  # fmt: skip
    compare(SYSTEM, about, stored, "track", actual)
