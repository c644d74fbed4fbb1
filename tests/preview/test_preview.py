"""What the pictures show is what training gets: boxes, labels and scores where the network has its cells."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.cli import main
from siamtrack.contracts import Anchors, Batch, Corners, Crop, Points, Response
from siamtrack.data.augment import Photometry
from siamtrack.preview.draw import Previewer
from siamtrack.preview.live import batch_sheet
from siamtrack.preview.panels import NEGATIVE, POSITIVE, label_panel, panels, score_panel
from siamtrack.preview.samples import Grid, Picture, changes, samples_of
from siamtrack.preview.sheet import draw_sheet, facts, whence, write_png
from siamtrack.targets import labellers

CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs"
SETS = ("DATA.SETS", "[{NAME: got10k, SPLIT: train}]", "DATA.WORKERS", "0")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Three sequences of GOT-10k's layout: a red square of 20 px wanders over grey."""
    home = tmp_path_factory.mktemp("data") / "GOT-10k" / "train"
    rng = np.random.default_rng(0)
    for v in range(3):
        folder = home / f"GOT-10k_Train_{v + 1:06d}"
        folder.mkdir(parents=True)
        corners = rng.integers(20, 60, (24, 2))
        for f, (x, y) in enumerate(corners):
            frame = np.full((100, 120, 3), 110, np.uint8)
            frame[y : y + 20, x : x + 20] = (30, 30, 220)
            cv2.imwrite(str(folder / f"{f + 1:08d}.png"), frame)
        (folder / "groundtruth.txt").write_text("".join(f"{x},{y},20,20\n" for x, y in corners))
    return home.parent.parent


def batch(count: int = 2, size: int = 63) -> Batch:
    """Grey crops, the target's box in the lower right of the search."""
    pixels = torch.full((count, 3, size, size), 120.0)
    box = torch.tensor([[30.0, 34.0, 54.0, 50.0]]).repeat(count, 1)
    template = Crop(pixels[..., :31, :31] + 300, torch.tensor([[8.0, 8.0, 22.0, 22.0]]).repeat(count, 1))
    present = torch.tensor([True, False] * count)[:count]
    return Batch((template,), Crop(pixels, box), present, torch.arange(count))


def predictions() -> dict[str, object]:
    """One of each kind that is sure of its right lower cell."""
    logit = torch.full((2, 5, 5), -6.0)
    logit[:, 3, 3] = 6.0
    sizes = ((16.0, 16.0), (24.0, 16.0))
    corner = torch.softmax(4 * logit.flatten(1), 1).view(2, 5, 5)
    return {
        "points": Points(logit, torch.full((2, 4, 5, 5), 6.0), 63, 8),
        "anchors": Anchors(logit[:, None].repeat(1, 2, 1, 1), torch.zeros(2, 4, 2, 5, 5), sizes, 63, 8),
        "corners": Corners(torch.tensor([[31.0, 35.0, 53.0, 49.0]] * 2), corner, corner, 63, 8),
        "response": Response(logit, 63, 8),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["points", "anchors", "corners", "response"])
def test_every_kind_of_prediction_has_its_pictures(kind):
    prediction = predictions()[kind]
    found = samples_of(batch(), labellers.build({"NAME": kind})(prediction, batch()), prediction, 8)
    assert len(found) == 2
    positive, negative = found
    assert (positive.present, negative.present) == (True, False)
    assert positive.templates[0].pixels.max() == 255, "what leaves 0..255 is cut, not wrapped"
    assert (positive.labels is None) == (kind == "corners")
    if positive.labels is not None:
        assert positive.labels.values.shape == (5, 5)
        assert not (negative.labels.values == 1).any()
    assert np.unravel_index(positive.scores.values.argmax(), (5, 5)) == (3, 3)
    assert (positive.guess is None) == (kind == "response")
    if kind == "points":
        np.testing.assert_allclose(positive.guess, [33, 33, 45, 45])
        assert (positive.labels.values == 1).any()
    height, width = panels(positive, 126).shape[:2]
    assert (height, width) == (126, 62 + 3 * (126 + 6))


def test_dots_and_heat_lie_on_their_cells():
    """Cell (row, column) has its point at 31 + 8 (j - 2): the panel is coloured there and nowhere else."""
    values = np.full((5, 5), -1, np.int8)
    values[1, 3], values[4, 0] = 1, 0
    plain = Picture(np.full((63, 63, 3), 120, np.uint8), np.full(4, np.nan, np.float32), None)
    prediction = predictions()["points"]
    sample = samples_of(batch(), labellers.build({"NAME": "points"})(prediction, batch()), prediction, 1)[0]
    sample = type(sample)(**{**vars(sample), "search": plain, "labels": Grid(values, 63, 8)})
    image = label_panel(sample, 4.0)
    for (row, column), colour in (((1, 3), POSITIVE), ((4, 0), NEGATIVE)):
        x, y = 4 * (31 + 8 * (column - 2)), 4 * (31 + 8 * (row - 2))
        np.testing.assert_array_equal(image[y, x], colour)
        spots = np.argwhere((image == colour).all(-1)) - (y, x)
        assert np.abs(spots).max() < 16, "half a cell"
        assert np.abs(spots.mean(0)).max() < 1
    heat = np.zeros((5, 5), np.float32)
    heat[1, 3] = 1
    shown = score_panel(plain, Grid(heat, 63, 8), None, 4.0).astype(int)
    bright = np.unravel_index(shown.sum(-1).argmax(), shown.shape[:2])
    assert np.abs(np.array(bright) - (4 * 23, 4 * 39)).max() <= 4


def test_words_say_what_was_done_to_the_colours():
    photometry = Photometry.from_draws(
        gray=np.array([False, True]),
        offset=np.array([[1.4, -2.6, 0.0], [0.0, 0.0, 0.0]]),
        blur=np.array([13, 0]),
        weight=np.array([0.5, 0.0]),
        gain=np.array([1.0, 0.8]),
    )
    assert changes(photometry, 0) == ("blur 13 px", "colour \N{MINUS SIGN}1 +3 +0")
    assert changes(photometry, 1) == ("grey", "brightness x0.80")


@pytest.mark.parametrize("name", ["siamban/r50.yaml", "siamrpnpp/r50.yaml", "stark/st50_stage2.yaml"])
def test_samples_are_those_of_training(root, name):
    """Box, frame and pixels: the red square stands in the box, in the crop and in the whole frame."""
    previewer = Previewer(config.load(CONFIGS / name, [*SETS, "DATA.AUGMENT.SEARCH.BLUR", "0.0"]), root)
    found = previewer.samples(3, 10)
    assert [sample.number for sample in found] == list(range(3, 13))
    raw = previewer.data.maker.make(5, 1)
    np.testing.assert_array_equal(found[2].search.box, raw.search.box[0].numpy())
    assert len(found[0].templates) == len(raw.templates)
    for sample in found:
        x1, y1, x2, y2 = np.clip(sample.frame.box, 0, None).astype(int)
        assert (sample.frame.pixels[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1, 0] > 180).all()
        x1, y1, x2, y2 = np.clip(sample.search.box, 0, len(sample.search.pixels)).round().astype(int)
        inside = sample.search.pixels[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3].astype(int)
        grey = "grey" in sample.changes
        assert grey or not inside.size or (inside[..., 0] - inside[..., 2]).mean() > 100
        dataset, text = whence(sample.sources)
        assert dataset == "got10k"
        assert sample.sources[-1].path.endswith(f"{sample.sources[-1].frame + 1:08d}.png")
        assert "GOT-10k_Train_" in text
        assert f"sample {sample.number}" in facts(sample)
    sheet = draw_sheet(found[:5], "five", side=100)
    assert sheet.shape[0] == 58 + 3 * (100 + 40 + 18)
    assert sheet.dtype == np.uint8


def test_whence_says_gap_and_other_sequence(root):
    found = Previewer(config.load(CONFIGS / "siamban/r50.yaml", [*SETS, "DATA.SAMPLER.NEGATIVE", "0.5"]), root).samples(
        0, 24
    )
    texts = [whence(sample.sources)[1] for sample in found]
    assert any(re.search(r"frames \d+ → \d+ \([+−]\d+\)", text) for text in texts)
    assert any(re.search(r", \d+ → GOT-10k_Train_\d+, \d+", text) for text in texts)


def test_the_command_writes_picture_and_page(root, tmp_path, capsys):
    cfg = str(CONFIGS / "quickstart.yaml")
    arguments = ["data", "preview", "--cfg", cfg, "--data-root", str(root), "--output", str(tmp_path), "--samples", "3"]
    assert main([*arguments, "--html", "DATA.WORKERS", "0"]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / f"quickstart.{ending}") for ending in ("png", "html")]
    image = cv2.imread(str(tmp_path / "quickstart.png"))
    assert image.std() > 20
    page = (tmp_path / "quickstart.html").read_text()
    assert page.count("<figure>") == page.count("data:image/webp;base64,") == 3
    assert "http" not in page, "nothing is fetched"
    assert "<td>got10k</td><td>3</td><td>3</td><td>72</td>" in page
    assert main([*arguments[:-1], "0"]) == 2
    assert "--samples should be 1 or more" in capsys.readouterr().err


def test_a_batch_under_way_as_one_picture(tmp_path):
    prediction = predictions()["points"]
    image = batch_sheet(batch(), labellers.build({"NAME": "points"})(prediction, batch()), prediction)
    assert image.ndim == 3
    assert image.std() > 20
    path = write_png(tmp_path / "sheet.png", image)
    np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], image)
