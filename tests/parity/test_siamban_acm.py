"""SiamBAN-ACM: every part of its network, the template's cache, training steps, and the tracker's fast motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.contracts import Batch, Crop, Points, grid_points
from siamtrack.crops.context import mean_colour
from siamtrack.engine.phases import read_phases
from siamtrack.losses import Criterion
from siamtrack.models import build_network
from siamtrack.models.convert import map_state
from siamtrack.targets.points import PointLabeller
from siamtrack.tracking import build_tracker
from siamtrack.tracking.dense import cosine_window

SYSTEM = "siamban_acm"
ROOT = Path(__file__).resolve().parents[2]
LEVELS = (2, 3, 4)
BRANCHES = ("cls", "loc")


@pytest.fixture(scope="module")
def cfg():
    return config.load(ROOT / "configs/siamban_acm/r50.yaml")


@pytest.fixture(scope="module")
def converted(cfg, parity):
    """(network with the fixture's weights in eval mode, official name -> ours); tests leave it as it is."""
    seeded, about, _ = parity(SYSTEM)
    network = build_network(cfg)
    official = {k: torch.from_numpy(np.asarray(v)) for k, v in seeded.state_dict(about).items()}
    conversion = map_state(official, network.state_dict(), SYSTEM)
    assert not conversion.problems, conversion.problems[:3]
    network.load_state_dict(conversion.state)
    return network.eval(), {row.official: row.ours for row in conversion.rows}


def template(seeded, names, boxes) -> Crop:
    """Template crops with the original's boxes (centre x, centre y, w, h)."""
    cx, cy, w, h = torch.tensor(boxes, dtype=torch.float32).unbind(1)
    return Crop(rgb(seeded, names, 127), torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], 1))


def rgb(seeded, names, size) -> torch.Tensor:
    """The fixture's BGR pictures as our RGB crops."""
    pictures = np.stack([seeded.image(name, size, size)[..., ::-1] for name in names])
    return torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy())


class Watch:
    """Outputs of modules by name, in call order; a context manager."""

    def __init__(self, network) -> None:
        self.network, self.seen, self.hooks = network, {}, []

    def __enter__(self):
        for name, module in self.network.named_modules():
            keep = lambda _, __, out, name=name: self.seen.setdefault(name, []).append(out)  # noqa: E731
            self.hooks.append(module.register_forward_hook(keep))
        return self

    def __exit__(self, *error) -> None:
        for hook in self.hooks:
            hook.remove()

    def maps(self, call: int = 0) -> torch.Tensor:
        """The head's two class channels, summed over the levels."""
        weights = self.network.head.cls_weight.softmax(0)
        scores = [self.seen[f"head.levels.{i}.cls"][call] for i in range(len(LEVELS))]
        return sum(w * s for w, s in zip(weights, scores, strict=True))


def part(watch: Watch, level: int, branch: str, name: str, call: int = 0) -> torch.Tensor:
    """The output of one sub-module of the original's ``head.box<level>.<branch>``."""
    place = f"correlations.{level - 2}.{branch}"
    ours = {
        "conv_kernel": f"{place}.template", "xorr_kernel": f"{place}.template_kernel",
        "xorr_bbox": f"{place}.box_prior", "conv_search": f"{place}.search", "xorr_search": f"{place}.search_kernel",
        "xorr_activate": f"{place}.activation", "head": f"head.levels.{level - 2}.{branch}",
    }[name]  # fmt: skip
    out = watch.seen[ours][call]
    return out.flatten(1) if name in ("xorr_kernel", "xorr_bbox") else out


@torch.no_grad()
def test_forward(converted, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    network, _ = converted
    inputs = about["cases"]["eval_forward"]["inputs"]
    with Watch(network) as watch:
        memory = network.remember(template(seeded, [inputs["z"]["name"]], inputs["bbox"]))
        prediction = network.locate(memory, Crop(rgb(seeded, [inputs["x"]["name"]], 255)))
    cls = watch.maps()
    actual = {"cls": cls, "loc": prediction.ltrb}
    for i in range(3):
        actual |= {f"zf.{i}": watch.seen["neck"][0][i].map, f"xf.{i}": watch.seen["neck"][1][i].map}
    for output in about["cases"]["eval_forward"]["outputs"]:
        if output.startswith("box"):
            level, branch, name = output.split(".")
            actual[output] = part(watch, int(level[3:]), branch, name)
    torch.testing.assert_close(prediction.logit, cls[:, 1] - cls[:, 0], rtol=1e-4, atol=1e-4)
    # all that is kept of the template: one vector per level and branch
    (remembered,) = memory.templates
    assert {k.shape for level in remembered.kernels for (k,) in level.values()} == {(1, 256, 1, 1)}
    compare(SYSTEM, about, stored, "eval_forward", actual)


@torch.no_grad()
def test_batch(converted, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    network, _ = converted
    inputs = about["cases"]["batch"]["inputs"]
    with Watch(network) as watch:
        memory = network.remember(template(seeded, inputs["z"], inputs["bbox"]))
        prediction = network.locate(memory, Crop(rgb(seeded, inputs["x"], 255)))
    actual = {
        "cls": watch.maps(), "loc": prediction.ltrb,
        "kernel_part.box3.cls": part(watch, 3, "cls", "xorr_kernel"),
        "bbox_part.box3.cls": part(watch, 3, "cls", "xorr_bbox"),
    }  # fmt: skip
    compare(SYSTEM, about, stored, "batch", actual)


@torch.no_grad()
def test_template_cache(converted, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    network, _ = converted
    inputs = about["cases"]["template_cache"]["inputs"]
    first, second = (Crop(rgb(seeded, [name], 255)) for name in inputs["x"])

    def at(box):
        return template(seeded, [inputs["z"]], [box])

    with Watch(network) as watch:
        memory = network.remember(at(inputs["bbox"][0]))
        before, other, again = (network.locate(memory, search) for search in (first, second, first))
        changed = network.locate(network.remember(at([63.5, 63.5, 20.0, 95.0])), first)
        moved = network.locate(network.remember(at([0.0, 0.0, 48.0, 36.0])), first)

    def equal(a, b):
        return float(torch.equal(a.logit, b.logit) and torch.equal(a.ltrb, b.ltrb))

    kernels = [part(watch, level, b, "xorr_kernel", call) for call in (0, 1) for level in LEVELS for b in BRANCHES]
    unchanged = all(torch.equal(a, b) for a, b in zip(kernels[:6], kernels[6:], strict=True))
    actual = {
        "second_search.cls": watch.maps(1), "second_search.loc": other.ltrb,
        "repeat_equals_first": equal(before, again), "other_box.kernel_part_unchanged": float(unchanged),
        "other_box.bbox_part.box4.loc": part(watch, 4, "loc", "xorr_bbox", 1),
        "other_box.cls": watch.maps(3), "other_box.loc": changed.ltrb, "box_centre_is_ignored": equal(before, moved),
    }  # fmt: skip
    compare(SYSTEM, about, stored, "template_cache", actual)


@torch.no_grad()
def test_wide_search(converted, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    network, _ = converted
    inputs = about["cases"]["search_510"]["inputs"]
    with Watch(network) as watch:
        memory = network.remember(template(seeded, [inputs["z"]], inputs["bbox"]))
        prediction = network.locate(memory, Crop(rgb(seeded, [inputs["x"]["name"]], 510)))
    assert prediction.size == 510
    compare(SYSTEM, about, stored, "search_510", {"cls": watch.maps(), "loc": prediction.ltrb})


class Doubled(torch.nn.Module):
    """Pixels for a network in float64."""

    def forward(self, pixels):
        return pixels.double().flip(1)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "phase"), [("train", 0), ("train_unfrozen", 1)])
def test_training_step(cfg, converted, parity, compare, case, phase):
    seeded, about, stored = parity(SYSTEM)
    trained, ours = converted
    inputs, names = about["cases"][case]["inputs"], about["cases"][case]["grad_names"]
    network = build_network(cfg)
    network.load_state_dict(trained.state_dict())
    network.double().pixels = Doubled()
    read_phases(cfg.TRAIN.PHASES, network)[phase].apply(network)
    box = torch.tensor(inputs["search_bbox"])
    present = ~torch.tensor(inputs["negative"])
    search = Crop(rgb(seeded, inputs["x"], 255), box)
    batch = Batch((template(seeded, inputs["z"], inputs["template_bbox"]),), search, present, torch.arange(4))

    with Watch(network) as watch:
        prediction = network(batch.templates, batch.search)
    targets = PointLabeller(positives=0, negatives=0, negative_pair=0)(prediction, batch)
    terms = Criterion(cfg.LOSSES, type(prediction))(prediction, targets)
    total = sum(terms.values())
    total.backward()
    parameters = dict(network.named_parameters())
    assert {ours[name] for name in names} == {name for name, p in parameters.items() if p.grad is not None}
    actual = {
        "cls_loss": terms["cross_entropy"].detach(), "loc_loss": terms["iou"].detach(), "total_loss": total.detach(),
        "cls": watch.maps().detach(), "loc": prediction.ltrb.detach(), "label_cls": targets.label,
        "grad_norm": [parameters[ours[name]].grad.norm() for name in names],
    }  # fmt: skip
    tensors = dict(network.named_buffers())
    for output in about["cases"][case]["outputs"]:
        kind, _, name = output.partition(".")
        if kind == "grad":
            actual[output] = parameters[ours[name]].grad
        elif kind == "after":
            actual[output] = tensors[ours[name]]
    compare(SYSTEM, about, stored, case, actual)


class Scripted(torch.nn.Module):
    """A network that answers each step's search, whatever its side, with given maps."""

    def __init__(self, seeded, steps) -> None:
        super().__init__()
        self.seeded, self.steps = seeded, iter(steps)
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.templates, self.searches, self.cells = [], [], []

    def remember(self, crop):
        self.templates.append(crop)

    def locate(self, memory, crop):
        self.searches.append(crop)
        n = (crop.size - 127) // 8 + 9
        self.cells.append(n)
        step = next(self.steps)
        two = self.seeded.uniform(f"{step['name']}/cls", (1, 2, n, n)).astype(np.float32)
        spread = 0.3 * self.seeded.uniform(f"{step['name']}/loc", (1, 4, n, n))
        ltrb = np.exp(spread + np.log(step["gain"])).astype(np.float32)
        if step["peak"]:
            column, row = step["peak"]
            two[0, 0] += 4
            two[0, 1, row, column] += 10
        return Points(torch.from_numpy(two[:, 1] - two[:, 0]), torch.from_numpy(ltrb), crop.size, 8)


def as_bgr(crop: Crop) -> np.ndarray:
    return crop.pixels.numpy()[:, ::-1].astype(np.float32)


def fed_box(crop: Crop) -> list[float]:
    """What the original hands over; of ours the network reads width and height, too."""
    x1, y1, x2, y2 = crop.box[0].tolist()
    return [127 / 2, 127 / 2, x2 - x1, y2 - y1]


def released(cfg, converted, inputs):
    """The tracker as released, with the fixture's hyper-parameters."""
    options = [word for key in ("PENALTY_K", "WINDOW_INFLUENCE", "LR") for word in (f"TRACK.{key}", str(inputs[key]))]
    return build_tracker(config.override(cfg, [*options, "TRACK.FAST_MOTION", "released"]), converted[0])


def test_post(cfg, converted, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    inputs = about["cases"]["post"]["inputs"]
    network = Scripted(seeded, inputs["steps"])
    tracker = released(cfg, converted, inputs)
    tracker.network = network
    bgr = seeded.image(inputs["frame"]["name"], inputs["frame"]["height"], inputs["frame"]["width"])
    frame = np.ascontiguousarray(bgr[..., ::-1])
    x, y, w, h = inputs["init"]
    tracker.init(frame, (x - 0.5, y - 0.5, w, h))  # the original's centre is x + (w - 1) / 2
    rows = []
    for _ in inputs["steps"]:
        result = tracker.update(frame)
        rows.append((result.box, result.score, tracker.centre, tracker.size, tracker.motion.fast))
    boxes, scores, centres, sizes, fast = zip(*rows, strict=True)
    tracker.init(frame, (-0.5, -0.5, 80, 50))
    start, border = network.templates
    actual = {
        "init.template_box": fed_box(start), "init.z_crop": as_bgr(start),
        "init.channel_average": mean_colour(frame)[::-1],
        "bbox": boxes, "best_score": scores, "center_pos": centres, "size": sizes, "fast_motion_after": fast,
        "search_px": [crop.size for crop in network.searches], "score_size": network.cells,
        "points.56": (grid_points(56, 56, 510, 8) - 255).flatten(1).T, "window.56": cosine_window(56, 56),
        "border.z_crop": as_bgr(border), "border.template_box": fed_box(border),
    }  # fmt: skip
    actual |= {f"x_crop.{i}": as_bgr(crop) for i, crop in enumerate(network.searches)}
    compare(SYSTEM, about, stored, "post", actual, note="defect: fast motion as released, by option")


@pytest.mark.slow
def test_video(cfg, converted, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    tracker = released(cfg, converted, about["cases"]["video"]["inputs"])
    background = seeded.image("acm/video/background", 240, 320)
    patch = seeded.image("acm/video/target", 36, 48, smooth=6)

    def frame(i: int) -> np.ndarray:
        picture = background.copy()
        x, y = 100 + 7 * i, 90 + 4 * i
        picture[y : y + 36, x : x + 48] = patch
        return np.ascontiguousarray(picture[..., ::-1])

    tracker.init(frame(0), (99.5, 89.5, 48, 36))
    choices, rows = [], []
    choose = tracker.choose
    tracker.choose = lambda *given: choices.append((choose(*given), given[0])) or choices[-1][0]
    for i in range(1, 11):
        tracker.motion.fast = tracker.motion.fast or i == 9  # the fixture sets the flag by hand
        result = tracker.update(frame(i))
        rows.append((result.box, result.score, tracker.motion.fast))
    boxes, scores, fast = zip(*rows, strict=True)
    ordered = [np.sort(choice.penalised) for choice, _ in choices]
    actual = {
        "bbox": boxes, "best_score": scores, "fast_motion": fast, "margin": [o[-1] - o[-2] for o in ordered],
        "score_size": [prediction.logit.shape[-1] for _, prediction in choices],
    }  # fmt: skip
    compare(SYSTEM, about, stored, "video", actual, note="defect: fast motion as released, by option")
