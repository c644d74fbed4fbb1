"""STARK-S50, -ST50 and -ST101: forward pass and training steps of both stages against the original's outputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamtrack.boxes import iou, xywh_to_xyxy, xyxy_to_cxcywh
from siamtrack.contracts import Batch, Crop
from siamtrack.engine.learner import Learner
from siamtrack.engine.task import Shard
from siamtrack.losses import Criterion
from siamtrack.losses.corner_box import inverted
from siamtrack.models.network import Pixels
from siamtrack.targets.corners import CornerLabeller
from tests.parity.stark_network import Watched, crops, loaded, stark_cfg

SYSTEMS = ["stark_s50", "stark_st50", pytest.param("stark_st101", marks=pytest.mark.slow)]
WITH_SCORE = SYSTEMS[1:]
CORRELATION = "correlations.0.shared"
TOWERS = {"tl": "head.levels.0.top_left", "br": "head.levels.0.bottom_right"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_forward(parity, compare, system):
    seeded, about, stored = parity(system)
    network, _ = loaded(stark_cfg(system), seeded, about)
    network.eval()
    inputs = about["cases"]["eval_forward"]["inputs"]
    layers = [f"{CORRELATION}.{name}" for name in ("encoder.0", "encoder.5", "decoder.0", "norm")]
    seen = Watched(network, ["backbone", "neck", CORRELATION, *layers, *TOWERS.values()])
    with torch.no_grad():
        memory = network.remember(crops(seeded, inputs["templates"][0]))
        for template in inputs["templates"][1:]:
            memory = memory + network.remember(crops(seeded, template))
        search = crops(seeded, inputs["search"])
        prediction = network.locate(memory, search)
    count = len(inputs["templates"])
    kernels = [template.kernels[0]["shared"] for template in memory.templates]
    kernels.append(network.correlations[0]["shared"].kernel(seen["neck"][count][0]))
    actual = {}
    for i, (tokens, position, mask) in enumerate(kernels):
        name = f"template{i}" if i < count else "search"
        level = seen["neck"][i][0]
        actual |= {
            f"{name}.backbone": seen["backbone"][i][0], f"{name}.mask": level.mask,
            f"{name}.pos": position.transpose(1, 2), f"{name}.feat": tokens.transpose(0, 1),
        }  # fmt: skip
        assert torch.equal(level.mask.flatten(1), mask)
    target = seen[f"{CORRELATION}.norm"][0]
    actual |= {
        "seq_mask": torch.cat([mask for _, _, mask in kernels], 1),
        "encoder_layer0": seen[f"{CORRELATION}.encoder.0"][0].transpose(0, 1),
        "encoder_memory": seen[f"{CORRELATION}.encoder.5"][0].transpose(0, 1),
        "decoder_layer0": seen[f"{CORRELATION}.decoder.0"][0].transpose(0, 1),
        "decoder_output": target,
        "box_head_input": seen[CORRELATION][0].map,
        "logits_tl": seen[TOWERS["tl"]][0], "logits_br": seen[TOWERS["br"]][0],
        "prob_tl": prediction.top_left, "prob_br": prediction.bottom_right,
        "pred_boxes": xyxy_to_cxcywh(prediction.box) / 320,
    }  # fmt: skip
    if prediction.score is not None:
        actual["pred_logits"] = prediction.score
        assert torch.equal(seen[CORRELATION][0].target, target[:, 0])
    stored_ones = about["cases"]["eval_forward"]["outputs"]  # fewer of ST101
    compare(system, about, stored, "eval_forward", {name: v for name, v in actual.items() if name in stored_ones})


class OneProcess:
    """What a learner asks of the processes, for a single one on the CPU."""

    rank, world, main, device = 0, 1, True, torch.device("cpu")

    def wrap(self, model):
        return model


class Exact(torch.nn.Module):
    """Pixel normalisation in float64: the training references are of float64 runs."""

    def __init__(self, pixels: Pixels) -> None:
        super().__init__()
        self.mean, self.std = pixels.mean.double(), pixels.std.double()

    def forward(self, pixels):
        return (pixels.double() - self.mean) / self.std


class Step:
    """One training step of a fixture's case in float64, up to the gradients; ``finish`` clips and moves."""

    def __init__(self, parity, system: str, case: str, *options: str, stage: int = 2) -> None:
        self.seeded, self.about, self.stored = parity(system)
        inputs = self.about["cases"][case]["inputs"]
        off = ("MODEL.CORRELATION.DROPOUT", "0.0", "TRAIN.BATCH", "2")
        self.cfg = stark_cfg(system, *off, *options, stage=stage)
        self.network, self.ours = loaded(self.cfg, self.seeded, self.about)
        self.network.double().pixels = Exact(self.network.pixels)
        self.learner = Learner(self.cfg.TRAIN, self.network.train(), OneProcess(), Shard.plan(2, 0, 0, 1))
        self.learner.enter(0)
        self.rates = self.learner.begin_step(0, 0.0)
        self.parameters = dict(self.network.named_parameters())
        self.before = {name: p.detach().clone() for name, p in self.parameters.items()}

        search = crops(self.seeded, inputs["search"])
        present = torch.tensor(inputs.get("labels", [1.0, 1.0])) > 0
        box = 320 * xywh_to_xyxy(torch.tensor(inputs.get("gt_xywh", [[0.25] * 4] * 2), dtype=torch.float64))
        templates = tuple(crops(self.seeded, rows) for rows in inputs["templates"])
        batch = Batch(templates, Crop(search.pixels, box, search.mask), present, torch.arange(2))
        self.prediction = self.network(batch.templates, batch.search)
        self.targets = CornerLabeller()(self.prediction, batch)
        self.terms = Criterion(self.cfg.LOSSES, type(self.prediction))(self.prediction, self.targets)
        self.loss = sum(self.terms.values())
        self.learner.backward(self.loss)
        self.gradients = {name: p.grad.clone() for name, p in self.parameters.items() if p.grad is not None}

    def losses(self) -> list[float]:
        """Total, GIoU, L1 and IoU, unweighted."""
        overlap = iou(self.prediction.box.detach(), self.targets.box.float()).mean()
        giou, l1 = self.terms["giou"] / self.cfg.LOSSES[0].WEIGHT, self.terms["l1"] / self.cfg.LOSSES[1].WEIGHT
        return torch.stack([self.loss, giou, l1, overlap]).detach().tolist()

    def finish(self) -> float:
        """Clip, step; the gradient's norm before clipping."""
        norms, skipped, _ = self.learner.finish_step(torch.zeros(()))
        assert not skipped
        return float(norms[0])

    def outputs(self, case: str) -> dict[str, torch.Tensor]:
        """Gradients, buffers and changes that a case stores under grad/, after/ and delta/."""
        buffers, actual = dict(self.network.named_buffers()), {}
        for output in self.about["cases"][case]["outputs"]:
            kind, _, name = output.partition("/")
            if kind == "grad":
                actual[output] = self.gradients[self.ours[name]]
            elif kind == "after":
                actual[output] = buffers[self.ours[name]]
            elif kind == "delta":
                actual[output] = (self.parameters[self.ours[name]] - self.before[self.ours[name]]).detach()
        return actual


def held(step: Step, record, system: str, case: str, actual: dict) -> None:
    """Every output of a training case to the tolerance of float64; changes of weights by the fixture's own rule."""
    tolerance = step.about["cases"][case]["tolerance"]["rel_float64"]
    assert set(actual) == set(step.about["cases"][case]["outputs"])
    for name, value in actual.items():
        expected, value = step.stored[f"{case}/{name}"], np.asarray(value, np.float64)
        value = value.reshape(expected.shape) if value.size == expected.size else value
        if name.startswith("delta/"):
            rate = 1e-5 if "backbone" in name else 1e-4
            beside = np.mean(np.abs(step.seeded.pick(value) - expected) >= 0.05 * rate)
            record(system, case, beside, 0.05, note="share of elements off by 5 % of the rate", output=name)
        else:
            record(system, case, step.seeded.error(value, expected), tolerance, note="float64", output=name)


@pytest.mark.parametrize("system", SYSTEMS)
def test_box_training_step(parity, record, system):
    case = "train_forward"
    step = Step(parity, system, case, stage=1)
    inputs = step.about["cases"][case]["inputs"]
    norms = [step.gradients[step.ours[name]].norm() for name in inputs["grad_names"]]
    assert {step.ours[name] for name in inputs["grad_names"]} == set(step.gradients)
    assert not {step.ours[name] for name in inputs["parameters_without_gradient"]} & set(step.gradients)
    groups = step.learner.optimizer.param_groups
    for rate in (1e-4, 1e-5):
        expected = next(g for g in inputs["optimizer_groups"] if g["lr"] == rate)
        mine = [p for g in groups if g["lr"] == pytest.approx(rate) for p in g["params"]]
        # the original counts the score head, to which stage 1 gives no gradient
        idle = [step.parameters[step.ours[n]] for n in inputs["parameters_without_gradient"]] if rate == 1e-4 else []
        assert len(mine) + len(idle) == expected["tensors"]
        assert sum(p.numel() for p in [*mine, *idle]) == expected["elements"]
    assert {g["weight_decay"] for g in groups} == {1e-4}
    actual = {
        "pred_boxes": xyxy_to_cxcywh(step.prediction.box.detach()) / 320, "losses": step.losses(), "grad_norms": norms,
        "total_grad_norm_before_clip": step.finish(),
    }  # fmt: skip
    held(step, record, system, case, {**actual, **step.outputs(case)})


def test_boxes_turned_inside_out(parity, compare, record):
    """The original's loss by its option; by default the GIoU of such boxes counts and the step is another one."""
    system, case = "stark_s50", "train_degenerate"
    step = Step(parity, system, case, "LOSSES.0.GIOU_ON_INVALID", "zero_batch", stage=1)
    assert inverted(step.prediction.box).any()
    total, giou, l1, _ = step.losses()
    note = "defect: GIoU dropped for the batch; with giou_on_invalid zero_batch"
    compare(system, step.about, step.stored, case, {
        "pred_boxes": xyxy_to_cxcywh(step.prediction.box.detach()) / 320,
        "losses": [total, giou, l1, 0.0],  # what it logs as IoU together with its loss of 0
        "total_grad_norm_before_clip": step.finish(),
    }, note=note)  # fmt: skip

    cfg = stark_cfg(system)
    default = Criterion(cfg.LOSSES, type(step.prediction))(step.prediction, step.targets)
    box, true = step.prediction.box.detach().numpy() / 320, step.targets.box.numpy() / 320
    corners = np.concatenate([box.reshape(-1, 2, 2), true.reshape(-1, 2, 2)], 1)
    hull = (corners.max(1) - corners.min(1)).prod(1)
    sides = np.clip(np.minimum(box[:, 2:], true[:, 2:]) - np.maximum(box[:, :2], true[:, :2]), 0, None)
    shared = sides.prod(1)
    union = np.clip(box[:, 2:] - box[:, :2], 0, None).prod(1) + (true[:, 2:] - true[:, :2]).prod(1) - shared
    expected = (1 - shared / union + (hull - union) / hull).mean()
    error = abs(default["giou"].item() / 2 - expected) / expected
    note = "defect: GIoU dropped for the batch; ours, against the definition by hand"
    record(system, case, error, 1e-5, note=note, output="losses")
    torch.testing.assert_close(default["l1"], step.terms["l1"])


@pytest.mark.parametrize("system", WITH_SCORE)
def test_score_training_step(parity, record, system):
    case = "stage2"
    step = Step(parity, system, case)
    inputs = step.about["cases"][case]["inputs"]
    assert {step.ours[name] for name in inputs["trainable"]} == set(step.gradients)
    (group,) = step.learner.optimizer.param_groups
    (expected,) = inputs["optimizer_groups"]
    assert (group["lr"], group["weight_decay"]) == (expected["lr"], expected["weight_decay"])
    assert len(group["params"]) == expected["tensors"]
    assert sum(p.numel() for p in group["params"]) == expected["elements"]
    assert step.network.correlations[0]["shared"].encoder[0].dropout.training, "dropout stays on in the frozen part"
    statistics = {n: b for n, b in step.network.named_buffers() if n.endswith("num_batches_tracked")}
    assert statistics
    assert not any(statistics.values()), "the corner towers' statistics stand still"
    actual = {
        "pred_logits": step.prediction.score.detach(), "loss": step.loss.detach(),
        "total_grad_norm_before_clip": step.finish(),
    }  # fmt: skip
    held(step, record, system, case, {**actual, **step.outputs(case)})
