"""Images that cannot be read: other samples take their place, the same everywhere, listed, and not too many."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from siamtrack.config import ConfigError, load
from siamtrack.contracts import map_tensors
from siamtrack.data.index import index_sequences
from siamtrack.data.loader import TrainingData
from siamtrack.data.mixture import MixedSet, Mixture
from siamtrack.data.quarantine import FILE, Quarantine, Unreadable, read_quarantine
from siamtrack.data.sequence import DataError, ImageFrames, Sequence

SMALL = ("CROP.TEMPLATE_SIZE", "15", "CROP.SEARCH_SIZE", "31", "CROP.AREA_SIZE", "63", "DATA.AUGMENT.SEARCH.SHIFT", "4")
STILLS, VIDEOS, FRAMES = 24, 6, 5


@pytest.fixture
def world(tmp_path: Path) -> tuple[Path, list[list[Sequence]]]:
    """Still images, of which a substitute must be another one, and short videos."""

    def sequence(name: str, frames: int) -> Sequence:
        paths = [tmp_path / f"{name}_{frame}.png" for frame in range(frames)]
        for path in paths:
            cv2.imwrite(str(path), np.full((24, 32, 3), 90, np.uint8))
        return Sequence(name, ImageFrames(paths), np.tile([8.0, 6.0, 10.0, 8.0], (frames, 1)))

    stills = [sequence(f"still{i}", 1) for i in range(STILLS)]
    return tmp_path, [stills, [sequence(f"video{i}", FRAMES) for i in range(VIDEOS)]]


def data(sets: list[list[Sequence]], *pairs: str, workers: int = 0, sampler: str = "pairs") -> TrainingData:
    parts = [MixedSet(index_sequences(f"set{i}", part)) for i, part in enumerate(sets)]
    options = ("TRAIN.BATCH", "16", "DATA.SAMPLES_PER_EPOCH", "128", "DATA.WORKERS", str(workers))
    cfg = load(overrides=[*SMALL, *options, "DATA.UNREADABLE", "1.0", "DATA.SAMPLER.NAME", sampler, *pairs])
    return TrainingData(cfg, mixture=Mixture(parts, 9), pin_memory=False)


def spoil(root: Path) -> list[str]:
    """Files missing, cut short, empty and no images: a sixth of the stills, one frame of a video."""
    cut, empty, text, gone, frame = (root / f"{name}.png" for name in (
        "still3_0", "still7_0", "still11_0", "still20_0", "video2_1",
    ))  # fmt: skip
    cut.write_bytes(cut.read_bytes()[:60])
    empty.write_bytes(b"")
    text.write_text("<html>404</html>")
    gone.unlink()
    frame.unlink()
    return sorted(map(str, (cut, empty, text, gone, frame)))


def flat(value: object) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    map_tensors(value, lambda t: found.append(t) or t)
    return found


def same(a: object, b: object) -> bool:
    return all(torch.equal(x, y) for x, y in zip(flat(a), flat(b), strict=True))


def test_others_take_their_place_the_same_for_any_workers_and_starting_point(world):
    root, sets = world
    sound = list(data(sets).micro_batches(0))
    bad = spoil(root)
    alone = list(data(sets).micro_batches(0))
    replaced = {entry.sample for raw in alone for entry in raw.unreadable}
    assert 5 < len(replaced) < 60
    assert {entry.file for raw in alone for entry in raw.unreadable} == set(bad)
    shared = list(data(sets, workers=2).micro_batches(0))
    assert all(same(a, b) and a.unreadable == b.unreadable for a, b in zip(alone, shared, strict=True))
    late = list(data(sets).micro_batches(0, first_step=5))
    assert all(same(a, b) for a, b in zip(alone[5:], late, strict=True))
    for step, (before, after) in enumerate(zip(sound, alone, strict=True)):
        kept = [i for i in range(16) if step * 16 + i not in replaced]
        assert torch.equal(before.search.pixels[kept], after.search.pixels[kept]), "no other sample changes"
        assert torch.equal(before.rows[kept], after.rows[kept])


@pytest.mark.parametrize("sampler", ["pairs", "trident_pro"])
def test_a_still_image_is_replaced_by_another_picture(world, sampler):
    """A sample's turn is a video; if that has one frame only, drawing it again would find the same bad file."""
    root, sets = world
    spoil(root)
    maker = data(sets if sampler == "pairs" else sets[:1], sampler=sampler).maker
    made = maker.make(0, 128)
    bad = {entry.file for entry in made.unreadable}
    assert bad
    paths = {maker.mixture.path(int(row)) for row in made.rows.flatten()}
    assert not paths & bad
    assert (made.search.pixels.flatten(1).max(1).values >= 89).all()


def test_they_are_listed_once_each_also_when_a_run_goes_on(world, tmp_path, caplog):
    root, sets = world
    bad = spoil(root)
    for step in (0, 4):
        run = data(sets)
        run.quarantine.write_to(tmp_path)
        for epoch in (0, 1):
            list(run.micro_batches(epoch, first_step=step))
        rows = read_quarantine(tmp_path / FILE)
        assert sorted(row["file"] for row in rows) == bad
        assert all(row["file"] in row["reason"] for row in rows)
        assert run.quarantine.samples == 2 * (128 - 16 * step)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"file": "cut sho')
    assert len(read_quarantine(tmp_path / FILE)) == len(bad)
    assert "the frame cannot be opened" in caplog.text


def test_a_row_that_a_crash_cut_short_does_not_swallow_the_next(tmp_path):
    (tmp_path / FILE).write_text('{"file": "a.jpg", "reason": "x", "sample": 1}\n{"file": "b.j')
    quarantine = Quarantine(1.0)
    quarantine.write_to(tmp_path)
    quarantine.take(8, [Unreadable("c.jpg", "c.jpg: is no image.", 3)])
    assert [row["file"] for row in read_quarantine(tmp_path / FILE)] == ["a.jpg", "c.jpg"]


def test_too_many_end_the_run_with_where_and_why(world, tmp_path):
    root, sets = world
    spoil(root)
    run = data(sets, "DATA.UNREADABLE", "0.005")  # of 1000 samples at least: five
    run.quarantine.write_to(tmp_path)
    with pytest.raises(DataError, match=r"So it was with \d+ of \d+ samples, more than DATA.UNREADABLE allows \(0.005"):
        list(run.micro_batches(0))
    assert run.quarantine.replaced > 5
    assert (tmp_path / FILE).exists()
    with pytest.raises(ConfigError, match=r"DATA\.UNREADABLE: 1\.5"):
        data(sets, "DATA.UNREADABLE", "1.5")


def test_few_at_the_beginning_are_borne():
    quarantine = Quarantine(0.01)
    one = Unreadable("a.jpg", "a.jpg: is no image.", 3)
    quarantine.take(16, [one, one])
    assert (quarantine.samples, quarantine.replaced) == (16, 1), "two tries of one sample count once"
    for sample in range(9):
        quarantine.take(16, [Unreadable("b.jpg", "b.jpg: is no image.", sample)])
    with pytest.raises(DataError, match=r"b\.jpg: is no image\. So it was with 11 of 176 samples"):
        quarantine.take(16, [Unreadable("b.jpg", "b.jpg: is no image.", 99)])
    quarantine = Quarantine(0.01)
    for _ in range(200):
        quarantine.take(100, [one])
    assert quarantine.replaced == 200


def test_nothing_but_bad_images_is_a_sentence(world):
    root, sets = world
    for file in root.glob("*.png"):
        file.unlink()
    with pytest.raises(DataError, match=r"Sample \d+ was drawn 20 times, and none of the images could be used"):
        data(sets).maker.make(0, 4)


def _note(folder: Path, rank: int) -> None:
    quarantine = Quarantine(1.0)
    quarantine.write_to(folder)
    for i in range(200):
        quarantine.take(1, [Unreadable(f"{rank}/{i}.jpg", "x" * 300, i)])


def test_rows_of_several_ranks_do_not_mix(tmp_path):
    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=_note, args=(tmp_path, rank)) for rank in range(3)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    lines = (tmp_path / FILE).read_text().splitlines()
    assert len(lines) == 600
    assert len({json.loads(line)["file"] for line in lines}) == 600
