"""CONTRIBUTING's worked examples, run as they stand there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from siamtrack import config
from siamtrack.contracts import Batch, Crop
from siamtrack.data.readers import open_dataset
from siamtrack.losses import Criterion
from siamtrack.models import build_network
from siamtrack.registry import load_plugins
from siamtrack.targets import labellers
from siamtrack.tracking import build_tracker

TEXT = (Path(__file__).resolve().parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
SMALL = {"MODEL": {"BACKBONE": {"NAME": "convnet"}, "NECK": {"OUT": 16}}}


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """The examples written where their first lines say, and imported."""
    root = tmp_path_factory.mktemp("examples")
    modules = []
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        path = root / block.splitlines()[0].removeprefix("# ")
        path.parent.mkdir(exist_ok=True)
        path.write_text(block)
        modules.append(".".join(path.relative_to(root).with_suffix("").parts))
    sys.path.insert(0, str(root))
    load_plugins(modules)
    yield modules
    sys.path.remove(str(root))


def configured(tmp_path, *parts: dict):
    path = tmp_path / "example.yaml"
    tree: dict = {"MODEL": dict(SMALL["MODEL"])}
    for part in parts:
        for section, value in part.items():
            tree[section] = {**tree.get(section, {}), **value} if isinstance(value, dict) else value
    path.write_text(yaml.safe_dump(tree))
    return config.load(path)


def yaml_example(part: str) -> dict:
    """The YAML of CONTRIBUTING that mentions a part."""
    return next(yaml.safe_load(b) for b in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) if f"NAME: {part}" in b)


def test_there_are_four_examples(plugins):
    assert plugins == ["my_lab.cosine", "my_lab.plain_head", "my_lab.focal", "my_lab.csv_set"]


@pytest.mark.parametrize("parts", [["cosine"], ["plain"], ["cosine", "plain"]])
def test_parts_train_and_track(plugins, tmp_path, parts):
    examples = [yaml_example("cosine") if p == "cosine" else {"MODEL": {"HEAD": {"NAME": "plain"}}} for p in parts]
    cfg = configured(tmp_path, *examples, yaml_example("focal"))
    torch.manual_seed(0)
    network = build_network(cfg)
    labeller, criterion = labellers.build(cfg.TARGETS), Criterion(cfg.LOSSES, network.head.makes)
    random = np.random.default_rng(0)
    pixels = [torch.from_numpy(random.integers(0, 256, (2, 3, s, s), dtype=np.uint8)) for s in (127, 255)]
    crops = [Crop(p, torch.tensor([[80.0, 80, 170, 160]] * 2)) for p in pixels]
    batch = Batch((crops[0],), crops[1], torch.ones(2, dtype=torch.bool), torch.arange(2))
    optimizer, losses = torch.optim.Adam(network.parameters(), 1e-3), []
    for _ in range(8):
        prediction = network(batch.templates, batch.search)
        terms = criterion(prediction, labeller(prediction, batch))
        assert set(terms) == {"focal", "iou"}
        loss = sum(terms.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]

    tracker = build_tracker(cfg, network)
    frames = random.integers(0, 256, (3, 90, 120, 3), dtype=np.uint8)
    tracker.init(frames[0], (40, 30, 30, 20))
    assert all(np.isfinite(tracker.update(frame).box).all() for frame in frames[1:])


def test_the_data_set_is_read(plugins, tmp_path):
    folder = tmp_path / "CsvSet" / "walk"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "a.png"), np.zeros((20, 30, 3), np.uint8))
    (folder / "boxes.csv").write_text("a.png,1,2,3,4\n")
    (sequence,) = open_dataset("csv_set", tmp_path)
    assert sequence.name == "walk"
    assert sequence.boxes.tolist() == [[1, 2, 3, 4]]
    assert sequence.frames[0].shape == (20, 30, 3)
    (folder / "boxes.csv").write_text("a.png,1,2,3\n")
    with pytest.raises(ValueError, match=r"every line should be file,x,y,w,h"):
        open_dataset("csv_set", tmp_path)["walk"]
