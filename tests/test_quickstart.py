"""The quickstart on a world of a few frames: everything it writes, being killed at any moment, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from siamtrack import config
from siamtrack.cli import main
from siamtrack.evaluation import read_boxes
from siamtrack.preview.paint import PREDICTED, TRUE, draw_boxes, write
from siamtrack.quickstart.film import COLUMNS, ROWS, write_film
from siamtrack.quickstart.pipeline import TRACKER, World, quickstart
from siamtrack.tracking import load_tracker
from siamtrack.tracking.baselines import opencv_trackers

ROOT = Path(__file__).resolve().parent.parent
CFG = ROOT / "configs" / "quickstart.yaml"
WORLD = World(train=6, test=7, train_frames=3, test_frames=4)
SMALL = (
    *("DATA.SAMPLES_PER_EPOCH", "16", "TRAIN.BATCH", "4", "TRAIN.EPOCHS", "2", "TRAIN.SAVE_STEPS", "1"),
    *("CROP.SEARCH_SIZE", "127", "MODEL.BACKBONE.WIDTHS", "[8,8,16,16,16]", "TRAIN.LOG_EVERY", "1"),
)
SCRIPT = f"""
import logging, sys
logging.basicConfig(level=logging.INFO, format="%(message)s")
from siamtrack.quickstart.pipeline import World, quickstart
quickstart(sys.argv[1], 5, {str(CFG)!r}, {SMALL!r}, {WORLD!r}, device="cpu")
"""


def small(folder: Path, seed: int = 5, overrides: tuple[str, ...] = SMALL, world: World = WORLD) -> dict:
    return quickstart(folder, seed, CFG, overrides, world, device="cpu")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quickstart that nobody disturbed."""
    folder = tmp_path_factory.mktemp("quickstart") / "whole"
    small(folder)
    return folder


def start(folder: Path) -> subprocess.Popen:
    """The same quickstart in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


# What it writes -----------------------------------------------------------------------------------------------------


def test_the_summary_agrees_with_rows_and_boxes(whole):
    summary = json.loads((whole / "summary.json").read_text())
    rows = json.loads((whole / "report" / "rows.json").read_text())
    success = {row["tracker"]: row["value"] for row in rows if row["metric"] == "success"}
    assert {row["protocol"] for row in rows} == {summary["protocol"]} == {"pysot"}
    assert set(success) == {TRACKER, "static", *(f"opencv-{name.lower()}" for name in opencv_trackers())}
    assert success[TRACKER] == pytest.approx(summary["success_auc"], abs=1e-4)
    assert success["static"] == pytest.approx(summary["static_auc"], abs=1e-4)
    for name, value in summary["opencv_auc"].items():
        assert success[name] == pytest.approx(value, abs=1e-4)
    assert np.mean(list(summary["sequence_auc"].values())) == pytest.approx(summary["success_auc"], abs=1e-3)
    assert len(summary["sequence_auc"]) == summary["sequences"] == WORLD.test
    assert set(summary["stage_seconds"]) == {"draw", "train", "test", "evaluate", "show"}
    assert summary["seconds"] == pytest.approx(sum(summary["stage_seconds"].values()), abs=0.5)
    assert {"siamtrack", "torch", "opencv", "numpy", "python"} <= set(summary["versions"])
    assert (summary["seed"], summary["starts"], summary["device"]) == (5, 1, "cpu")


def test_every_tracker_has_boxes_for_every_frame_of_every_sequence(whole):
    truths = sorted(path.parent for path in (whole / "world" / "test").glob("*/groundtruth.txt"))
    assert len(truths) == WORLD.test
    for tracker in (whole / "results" / "synthetic").iterdir():
        for truth in truths:
            boxes = read_boxes(tracker / f"{truth.name}.txt")
            assert boxes.shape == (WORLD.test_frames, 4)
            np.testing.assert_allclose(boxes[0], read_boxes(truth / "groundtruth.txt")[0], atol=1e-4)


def test_the_table_names_every_tracker_and_the_plots_are_pictures(whole):
    table = (whole / "report" / "tables.md").read_text()
    assert TRACKER in table
    assert "static" in table
    assert TRACKER in (whole / "report.html").read_text()
    for picture in (whole / "report" / "synthetic-pysot.png", whole / "picture.png"):
        with Image.open(picture) as image:
            image.load()
            assert image.width > 600
    assert (whole / "picture.png").stat().st_size < 300_000  # it stands in README


def test_the_tracker_has_one_colour_in_boxes_and_plot(whole):
    with Image.open(whole / "picture.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    near = np.abs(pixels - PREDICTED).max(-1) < 16
    left = near.shape[1] * 3 // 5  # frames take about that much, the plot the rest
    assert near[30:, :left].sum() > 100
    assert near[:, left:].sum() > 100


def test_the_film_shows_all_sequences(whole):
    (film,) = whole.glob("film.*")
    capture = cv2.VideoCapture(str(film))
    frames = 0
    while capture.grab():
        frames += 1
    pages = -(-WORLD.test // (COLUMNS * ROWS))
    assert frames == pages * (WORLD.test_frames + 6)


def test_the_resolved_configuration_is_that_of_the_weights(whole):
    settings = config.load(whole / "config.yaml")
    assert settings.SEED == 5
    assert settings.MODEL.BACKBONE.WIDTHS == [8, 8, 16, 16, 16]
    weights = whole / "training" / "checkpoints" / "epoch-0002.safetensors"
    assert load_tracker(weights, "cpu").network.backbone.channels == (16,)
    assert config.dump(config.load(whole / "training" / "config.yaml")) == config.dump(settings)


# Called again -------------------------------------------------------------------------------------------------------


def content(folder: Path) -> dict[str, bytes]:
    """What does not depend on the clock: drawn frames, weights, boxes, configuration, picture and film."""
    kept = [
        *folder.glob("world/**/*"),
        *(path for path in folder.glob("results/synthetic/*/*.txt") if not path.stem.endswith("_time")),
        folder / "config.yaml",
        folder / "picture.png",
        *folder.glob("film.*"),
    ]
    files = {str(path.relative_to(folder)): path.read_bytes() for path in kept if path.is_file()}
    return {**files, **weights(folder / "training" / "checkpoints" / "epoch-0002.safetensors")}


def weights(path: Path) -> dict[str, bytes]:
    """Every tensor bit for bit and what the file says of itself; safetensors orders the latter anew in each process."""
    with safe_open(path, "numpy") as file:
        tensors = {f"weights/{name}": file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118
        return {**tensors, "weights": json.dumps(file.metadata(), sort_keys=True).encode()}


def test_called_again_it_says_that_it_is_complete_and_touches_nothing(whole, capsys):
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    began = time.perf_counter()
    assert small(whole) == json.loads((whole / "summary.json").read_text())
    assert time.perf_counter() - began < 5
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before
    assert "complete" in capsys.readouterr().out


def test_what_was_removed_is_made_again(whole, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    (folder / "picture.png").unlink()
    (next((folder / "results" / "synthetic" / TRACKER).glob("*_time.txt"))).unlink()
    small(folder)
    assert content(folder) == content(whole)


# A line that the quickstart prints, after which it is killed; some a little later.
MOMENTS = [
    ("[1/5]", 0.0),
    ("[1/5]", 0.3),
    ("[2/5]", 0.0),
    ("epoch 1/2  step 1/4", 0.0),
    ("epoch 1/2  step 3/4", 0.01),
    ("epoch 2/2  step 4/4", 0.0),
    ("[3/5]", 0.0),
    ("[3/5]", 0.3),
    ("[4/5]", 0.0),
    ("[5/5]", 0.0),
    ("[5/5]", 0.4),
]


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_undisturbed(whole, tmp_path):
    """SIGKILL at each of the moments in turn, each time going on in the same folder."""
    folder, killed = tmp_path / "killed", 0
    for line, later in MOMENTS:
        process = start(folder)
        for said in process.stdout:
            if said.startswith(line):
                time.sleep(later)
                process.send_signal(signal.SIGKILL)
                break
        process.stdout.close()
        killed += process.wait() == -signal.SIGKILL
    assert killed >= len(MOMENTS) - 3  # a moment that was passed already does not come again
    process = start(folder)
    said = process.communicate()[0]
    assert process.returncode == 0, said
    summary = json.loads((folder / "summary.json").read_text())
    undisturbed = json.loads((whole / "summary.json").read_text())
    assert content(folder) == content(whole)
    assert summary["starts"] > killed
    for key in ("success_auc", "static_auc", "opencv_auc", "sequence_auc"):
        assert summary[key] == undisturbed[key]


# What it refuses ----------------------------------------------------------------------------------------------------


def test_another_request_in_the_same_folder_is_refused(whole):
    with pytest.raises(ValueError, match=r"--seed was 5, is 6.*--output"):
        small(whole, seed=6)
    with pytest.raises(ValueError, match=r"TRAIN.OPTIMIZER.LR was 0\.\d+, is 0\.5"):
        small(whole, overrides=(*SMALL, "TRAIN.OPTIMIZER.LR", "0.5"))
    with pytest.raises(ValueError, match="the world was"):
        small(whole, world=World(train=7, test=7, train_frames=3, test_frames=4))


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="no quickstart"):
        small(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(ValueError, match="is a file"):
        small(tmp_path / "thesis.txt")
    (tmp_path / "record.json").write_text("{}")
    with pytest.raises(ValueError, match="no record of a quickstart"):
        small(tmp_path)


def test_the_door_says_in_a_sentence_what_is_wrong(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["quickstart", "--output", str(tmp_path)]) == 2
    assert "give another --output" in capsys.readouterr().err
    assert main(["quickstart", "--output", str(tmp_path / "new"), "TRAIN.EPOCS", "1"]) == 2
    assert "Did you mean EPOCHS" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


# Painting -----------------------------------------------------------------------------------------------------------


def test_boxes_are_painted_where_they_are():
    """The middle of each side has the box's colour, the inside is untouched; factor 2 doubles everything."""
    image = np.full((200, 200, 3), 90, np.uint8)
    draw_boxes(image, np.array([10.0, 10, 30, 20]), np.array([60.0, 50, 30, 40]), factor=2)
    for (x, y, w, h), colour in (((20, 20, 60, 40), TRUE), ((120, 100, 60, 80), PREDICTED)):
        for px, py in ((x, y + h // 2), (x + w - 1, y + h // 2), (x + w // 2, y), (x + w // 2, y + h - 1)):
            assert np.abs(image[py - 1 : py + 2, px - 1 : px + 2].astype(int) - colour).sum(-1).min() < 30
        assert (image[y + 8 : y + h - 8, x + 8 : x + w - 8] == 90).all()


@pytest.mark.parametrize("side", [np.inf, np.nan, 1e30])
def test_a_box_of_an_untrained_network_is_no_trouble(side):
    image = np.full((20, 20, 3), 90, np.uint8)
    with np.errstate(all="raise"):
        draw_boxes(image, None, np.array([10.0, 10, side, 5]))
    assert (image != 90).any() == np.isfinite(side)


def test_words_end_where_they_should_and_may_be_cut_by_the_edge():
    image = np.zeros((40, 200, 3), np.uint8)
    width = write(image, "IoU 0.83", (150, 20), 14, (255, 255, 255), right=True)
    columns = np.flatnonzero(image.any((0, 2)))
    assert 150 - width <= columns[0] < 150 - width + 4
    assert 144 < columns[-1] < 150
    edge = np.zeros((10, 30, 3), np.uint8)
    write(edge, "cut by every edge", (-5, 2), 20, (255, 255, 255))
    assert edge.any()


def test_without_an_encoder_the_sentence_says_so(tmp_path, monkeypatch):
    from siamtrack.data.synthetic import write_dataset
    from siamtrack.quickstart.pipeline import _held_out

    write_dataset(tmp_path / "world", 1, train=1, test=1, train_frames=1, test_frames=2, progress=False)
    sequences = _held_out(tmp_path)
    predicted = {sequence.name: sequence.boxes for sequence in sequences}
    monkeypatch.setattr("siamtrack.preview.video.CODECS", (("mp4v", ".nonsense"), ("MJPG", ".avi")))
    assert write_film(tmp_path / "film", sequences, predicted, "title", "name").suffix == ".avi"
    monkeypatch.setattr("siamtrack.preview.video.CODECS", (("mp4v", ".nonsense"),))
    with pytest.raises(OSError, match="can write no video"):
        write_film(tmp_path / "other", sequences, predicted, "title", "name")
    assert not list(tmp_path.glob("other*"))
    assert not list(tmp_path.glob(".other*"))
