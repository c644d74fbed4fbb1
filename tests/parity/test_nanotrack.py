"""NanoTrack V1 to V3 with their released weights: network, tracker, labels, training step and schedule."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.contracts import Batch, Crop, Points, grid_points
from siamtrack.crops import ContextCrop, subwindow
from siamtrack.engine.schedule import schedules
from siamtrack.losses import Criterion
from siamtrack.models import build_network
from siamtrack.models.convert import map_state
from siamtrack.models.correlations import dual_product, pixel_product
from siamtrack.models.weights import read_checkpoint, state_of
from siamtrack.targets.points import PointLabeller
from siamtrack.tracking import build_tracker
from siamtrack.tracking.dense import cosine_window
from tests.external import external

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ["v1", "v2", "v3"]
CELLS = {"v1": 16, "v2": 16, "v3": 15}
# the three summands' names in the original's head, and where they are here: {branch: (theirs, ours)}
BRANCHES = (("cls", "cls"), ("reg", "loc"))

pytestmark = pytest.mark.parametrize("version", VERSIONS)


def load(version: str):
    return config.load(ROOT / f"configs/nanotrack/{version}.yaml")


@pytest.fixture
def released(parity, version):
    """(configuration, network with the released weights, official name -> ours)."""
    _, about, _ = parity(f"nanotrack_{version}")
    path = external("WEIGHTS") / Path(about["state_file"]["file"]).name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == about["state_file"]["sha256"]
    checkpoint = read_checkpoint(path)
    assert checkpoint["epoch"] == about["state_file"]["epoch"]
    official = state_of(checkpoint, path)
    cfg = load(version)
    network = build_network(cfg)
    conversion = map_state(official, network.state_dict(), "nanotrack")
    assert not conversion.problems, conversion.problems[:3]
    network.load_state_dict(conversion.state)
    ours = {row.official: row.ours for row in conversion.rows if row.official}
    assert {name for name, own in ours.items() if not own} == set(about["unused_tensors"])
    assert {(name, tuple(shape)) for name, shape, _ in about["tensors"]} == {
        (name, tuple(tensor.shape)) for name, tensor in official.items()
    }
    return cfg, network.eval(), ours


def rgb(bgr: np.ndarray) -> torch.Tensor:
    """Pictures ``[B, H, W, 3]`` in OpenCV's order as our crops."""
    return torch.from_numpy(bgr[..., ::-1].transpose(0, 3, 1, 2).copy())


def seen_by(network, monkeypatch):
    """Outputs of every module in call order, and the raw products; filled while the network runs."""
    seen: dict[str, list[torch.Tensor]] = {"products": []}
    for name, module in network.named_modules():
        module.register_forward_hook(lambda _, __, out, name=name: seen.setdefault(name, []).append(out))
    plain = pixel_product.pixel_product

    def product(cells, search):
        seen["products"].append(plain(cells, search))
        return seen["products"][-1]

    monkeypatch.setattr(pixel_product, "pixel_product", product)
    monkeypatch.setattr(dual_product, "pixel_product", product)
    return seen


def inner_stages(seen, version: str, branch: str) -> dict[str, torch.Tensor]:
    """The stages of one branch's correlation under the original's names; V1 has one for both."""
    theirs = dict(zip(("cls", "loc"), ("cls", "reg"), strict=True))[branch]
    place = "correlations.0.shared" if version == "v1" else f"correlations.0.{branch}"
    stem = "corr_pw" if version == "v1" else f"corr_pw_{theirs}"
    products = seen["products"][0 if version == "v1" or branch == "cls" else 1]
    attended = seen[f"{place}.attention"][0]
    stages = {f"{stem}.pixel": products, f"{stem}.CA_layer": attended, stem: attended}
    if version != "v1":
        stages |= {
            f"{stem}.conv_kernel": seen[f"{place}.template"][0],
            f"{stem}.conv_search": seen[f"{place}.search"][0],
        }
    if version == "v3":
        joined = seen[f"{place}.join"][0]
        stages |= {
            stem: seen[f"{place}.refinement"][0], f"down_{theirs}": joined,
            f"corr_dw_{theirs}.conv_kernel": seen[f"{place}.depthwise_template"][0],
            f"corr_dw_{theirs}.conv_search": seen[f"{place}.depthwise_search"][0],
        }  # fmt: skip
    return stages


TOWERS = {"v1": ("tower", "logits"), "v2": ("pw_tower", "pred"), "v3": ("tower", "logits")}


def test_forward(parity, compare, released, monkeypatch, version):
    system = f"nanotrack_{version}"
    seeded, about, stored = parity(system)
    _, network, _ = released
    inputs = about["cases"]["forward"]["inputs"]
    picture = seeded.image(inputs["search"]["image"], 255, 255, inputs["search"]["smooth"])
    (top, bottom), (left, right) = inputs["template"]["rows"], inputs["template"]["columns"]
    seen = seen_by(network, monkeypatch)
    joined = []
    plain_join = torch.cat
    monkeypatch.setattr(dual_product.torch, "cat", lambda parts, dim: joined.append(parts) or plain_join(parts, dim))
    with torch.no_grad():
        memory = network.remember(Crop(rgb(picture[None, top:bottom, left:right])))
        prediction = network.locate(memory, Crop(rgb(picture[None])))
    monkeypatch.undo()

    blocks = len(network.backbone.features)
    tower, last = TOWERS[version]
    score = seen["head.cls_out"][0]
    actual = {
        "zf": seen["backbone"][0][0], "cls": score, "loc": prediction.ltrb,
        f"search/cls_{tower}": seen["head.cls"][0], f"search/cls_{last}": score,
        f"search/bbox_{tower}": seen["head.loc"][0], "search/bbox_pred": seen["head.loc_out"][0],
    }  # fmt: skip
    for i in range(blocks):
        first, second = seen[f"backbone.features.{i}"]
        actual |= {f"template/features.{i}": first, f"search/features.{i}": second}
    for branch in ("cls", "loc"):
        actual |= {f"search/{name}": value for name, value in inner_stages(seen, version, branch).items()}
    if version == "v3":
        actual |= {f"search/corr_dw_{name}": parts[1] for (name, _), parts in zip(BRANCHES, joined, strict=True)}
    torch.testing.assert_close(prediction.logit, score[:, 1] - score[:, 0])
    compare(system, about, stored, "forward", actual)


def test_crop(parity, record, version):
    system = f"nanotrack_{version}"
    seeded, about, stored = parity(system)
    inputs = about["cases"]["crop"]["inputs"]
    frame = seeded.image(inputs["frame"]["image"], 240, 320, inputs["frame"]["smooth"])
    padding = ContextCrop().padding(frame)
    error = 0.0
    for i, (x, y, size, side) in enumerate(inputs["rows"]):
        crop = subwindow(frame, (x, y), side, size, padding).transpose(2, 0, 1)[None].astype(np.float64)
        error = max(error, float(np.abs(seeded.pick(crop) - stored[f"crop/crop{i}"]).max()))
    record(system, "crop", error, about["cases"]["crop"]["tolerance"]["abs"])


def test_grid(parity, record, version):
    system = f"nanotrack_{version}"
    _, about, stored = parity(system)
    n = CELLS[version]
    train = grid_points(n, n, 255, 16).numpy()
    actual = {"train": train, "track": (train - 255 // 2).reshape(2, -1).T, "window": cosine_window(n, n)}
    error = max(float(np.abs(value - stored[f"grid/{name}"]).max()) for name, value in actual.items())
    record(system, "grid", error, about["cases"]["grid"]["tolerance"]["abs"])


class Scripted(torch.nn.Module):
    """A network that answers with given maps."""

    def __init__(self, prediction: Points) -> None:
        super().__init__()
        self.prediction, self.anchor = prediction, torch.nn.Parameter(torch.zeros(1))

    def remember(self, template):
        return None

    def locate(self, memory, search):
        return self.prediction


@pytest.mark.parametrize("name", ["inside", "border", "tiny", "huge"])
def test_post(parity, compare, version, name):
    system, case, n = f"nanotrack_{version}", f"post_{name}", CELLS[version]
    seeded, about, stored = parity(system)
    inputs = about["cases"][case]["inputs"]
    two = 3 * seeded.uniform(inputs["cls"], (1, 2, n, n)).astype(np.float32)
    if name == "border":
        row, column = map(int, re.search(r"cls\[0,1,(\d+),(\d+)\] = 9", about["cases"][case]["note"]).groups())
        two[0, 1] -= 9
        two[0, 1, row, column] = 9
    ltrb = np.exp(seeded.uniform(inputs["loc"], (1, 4, n, n)).astype(np.float32) + 3)
    prediction = Points(torch.from_numpy(two[:, 1] - two[:, 0]), torch.from_numpy(ltrb), 255, 16)
    tracker = build_tracker(load(version), build_network(load(version)))
    tracker.network = Scripted(prediction)
    (cx, cy), (w, h) = inputs["center"], inputs["size"]
    frame = np.zeros((*inputs["frame_height_width"], 3), np.uint8)
    tracker.init(frame, (cx - w / 2, cy - h / 2, w, h))
    choices = []
    choose = tracker.choose
    tracker.choose = lambda *given: choices.append(choose(*given)) or choices[-1]
    result = tracker.update(frame)
    (choice,) = choices
    _, corners = prediction.flat()
    low, high = corners[0, :, :2].double() - 127, corners[0, :, 2:].double() - 127
    ordered = np.sort(choice.penalised)
    actual = {
        "score": prediction.logit.double().sigmoid(), "boxes": torch.cat([(low + high) / 2, high - low], 1).T,
        "pscore": choice.penalised, "best_index": choice.index, "margin": ordered[-1] - ordered[-2],
        "box": result.box, "best_score": result.score,
    }  # fmt: skip
    compare(system, about, stored, case, actual)


def test_track(parity, record, released, monkeypatch, version):
    system = f"nanotrack_{version}"
    seeded, about, stored = parity(system)
    cfg, network, _ = released
    inputs = about["cases"]["track"]["inputs"]

    def picture(of):
        return seeded.image(of["image"], of["height"], of["width"], of["smooth"])

    background, target = picture(inputs["background"]), picture(inputs["target"])

    def frame(i):
        x, y = inputs["positions"][i]
        made = background.copy()
        made[y : y + target.shape[0], x : x + target.shape[1]] = target
        return np.ascontiguousarray(made[..., ::-1])

    tracker = build_tracker(cfg, network)
    features = []
    network.backbone.register_forward_hook(lambda _, __, out: features.append(out[0]))
    sides, choices = [], []
    choose = tracker.choose
    monkeypatch.setattr(tracker, "choose", lambda *given: choices.append(choose(*given)) or choices[-1])
    monkeypatch.setattr("siamtrack.crops.context.subwindow", lambda frame, centre, side, size, padding: (
        sides.append(side) or subwindow(frame, centre, side, size, padding)
    ))  # fmt: skip
    x, y, w, h = inputs["init"]
    tracker.init(frame(0), (x - 0.5, y - 0.5, w, h))  # the original's centre is x + (w - 1) / 2
    results = [tracker.update(frame(i)) for i in range(1, len(inputs["positions"]))]
    ordered = [np.sort(choice.penalised) for choice in choices]
    absolute = {
        "box": [r.box for r in results], "score": [r.score for r in results], "crop_side": sides[1:],
        "best_index": [c.index for c in choices], "margin": [o[-1] - o[-2] for o in ordered],
    }  # fmt: skip
    bounds = {"box": about["cases"]["track"]["tolerance"]["abs_pixels"], "score": 1e-4, "margin": 1e-4}
    for name, value in absolute.items():
        error = float(np.abs(np.asarray(value, np.float64) - stored[f"track/{name}"]).max())
        record(system, "track", error, bounds.get(name, 0.0), output=name)
    bound = about["cases"]["forward"]["tolerance"]["rel"]
    record(system, "track", seeded.error(features[0], stored["track/zf"]), bound, output="zf")


def labels(version: str, boxes, negative, labeller: PointLabeller):
    """Targets of boxes ``[B, 4]`` in the 255 px search crop."""
    n, count = CELLS[version], len(boxes)
    prediction = Points(torch.zeros(count, n, n), torch.ones(count, 4, n, n), 255, 16)
    search = Crop(torch.empty(count, 3, 255, 255, device="meta"), torch.tensor(boxes, dtype=torch.float32))
    present = ~torch.tensor(negative)
    return labeller(prediction, Batch((search,), search, present, torch.arange(count)))


@pytest.mark.parametrize("case", ["targets", "targets_negative"])
def test_targets(parity, record, version, case):
    system = f"nanotrack_{version}"
    _, about, stored = parity(system)
    boxes = about["cases"][case]["inputs"]["boxes"]
    negative = [case == "targets_negative"] * len(boxes)
    section = load(version).TARGETS
    sampled = PointLabeller(
        positives=section.POSITIVES, negatives=section.NEGATIVES, negative_pair=section.NEGATIVE_PAIR
    )
    whole = labels(version, boxes, negative, PointLabeller(positives=0, negatives=0, negative_pair=0))
    drawn = labels(version, boxes, negative, sampled).label
    bound = about["cases"][case]["tolerance"]["abs"]
    for name, value in (("full_cls", whole.label), ("delta", whole.code)):
        record(system, case, float(np.abs(value.numpy() - stored[f"{case}/{name}"]).max()), bound, output=name)
    counts = np.stack([(drawn == 1).flatten(1).sum(1), (drawn == 0).flatten(1).sum(1)], 1)
    record(system, case, np.abs(counts - stored[f"{case}/sampled_counts"]).max(), 0.0, output="sampled_counts")
    # another generator draws other cells; drawn ones must be candidates of their kind, as many as the original keeps
    strays = ((drawn != -1) & (drawn != whole.label)).sum()
    theirs = ((stored[f"{case}/sampled_cls"] != -1) & (stored[f"{case}/sampled_cls"] != whole.label.numpy())).sum()
    note = "drawn with another generator: every kept cell is a candidate of its kind, here and there"
    record(system, case, float(strays + theirs), 0.0, note, output="sampled_cls")


def training_batch(seeded, inputs) -> Batch:
    pictures = np.stack([seeded.image(name, 255, 255) for name in inputs["images"]])
    corners = inputs["template_top_left"]
    pieces = np.stack([p[t : t + 127, x : x + 127] for p, (x, t) in zip(pictures, corners, strict=True)])
    box = torch.tensor(inputs["boxes"], dtype=torch.float32)
    present = torch.tensor([True, True, True, False])
    return Batch((Crop(rgb(pieces)),), Crop(rgb(pictures), box), present, torch.arange(4))


@pytest.mark.parametrize("case", ["train_eval", "train_frozen", "train_full"])
def test_training_step(parity, compare, released, version, case):
    system = f"nanotrack_{version}"
    seeded, about, stored = parity(system)
    cfg, network, ours = released
    inputs = about["cases"][case]["inputs"]
    network.train(case != "train_eval")
    if case == "train_frozen":
        network.backbone.eval().requires_grad_(False)
    batch = training_batch(seeded, inputs)

    def losses() -> tuple[torch.Tensor, list[float]]:
        prediction = network(batch.templates, batch.search)
        targets = PointLabeller(positives=0, negatives=0, negative_pair=0)(prediction, batch)
        terms = Criterion(cfg.LOSSES, type(prediction))(prediction, targets)
        total = sum(terms.values())
        return total, [float(v.detach()) for v in (total, terms["cross_entropy"], terms["iou"])]

    total, in_float32 = losses()
    total.backward()
    parameters, buffers = dict(network.named_parameters()), dict(network.named_buffers())
    gradients = [parameters[ours[name]].grad for name in inputs["parameters"]]
    others = set(parameters) - {ours[name] for name in inputs["parameters"]}
    assert all(parameters[name].grad is None for name in others)
    norms = torch.stack([g.norm() for g in gradients])
    actual = {
        "losses": in_float32, "losses_float64": in_float32, "grad_norm": norms, "grad_total": norms.norm(),
        "running_mean": [buffers[ours[name]].norm() for name in inputs["running_means"]],
    }  # fmt: skip
    compare(system, about, stored, case, actual)


def test_schedule(parity, compare, version):
    system = f"nanotrack_{version}"
    _, about, stored = parity(system)
    cfg = load(version)
    schedule = schedules.build(cfg.TRAIN.SCHEDULE, epochs=cfg.TRAIN.EPOCHS)
    head = [cfg.TRAIN.OPTIMIZER.LR * schedule.factor(epoch) for epoch in range(cfg.TRAIN.EPOCHS)]
    backbone = cfg.TRAIN.PHASES[1].LR.backbone
    compare(system, about, stored, "schedule", {"lr": [[backbone * rate, rate] for rate in head]})
