"""STARK's sampling: the rules' laws, hidden frames, negatives, and samples that depend on their number alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from siamtrack.config import ConfigError, load
from siamtrack.data import streams
from siamtrack.data.index import TrackTable, index_sequences, index_table
from siamtrack.data.loader import TrainingData
from siamtrack.data.mixture import MixedSet, Mixture
from siamtrack.data.paths import PathTable, StringTable
from siamtrack.data.sampling import samplers
from siamtrack.data.sampling.temporal import CausalSampler, TridentProSampler, TridentSampler
from siamtrack.data.sequence import DataError, ImageFrames, NumberedPaths, Sequence


def video(name: str, visible: np.ndarray, boxes: np.ndarray | None = None) -> Sequence:
    frames = ImageFrames(NumberedPaths(name, "%d.jpg", 0, len(visible)))
    return Sequence(name, frames, np.ones((len(visible), 4)) if boxes is None else boxes, visible=visible)


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    rng = np.random.default_rng(0)
    gone = np.ones((60, 4))
    gone[30:40] = np.nan
    videos = [
        video("long", rng.random(300) < 0.7),
        video("sparse", rng.random(400) < 0.1),
        video("absent", np.isfinite(gone[:, 0]), gone),
        video("short", np.ones(12, bool)),
        video("seldom", np.arange(200) < 4),
    ]
    images = [video(f"image{i}", np.ones(1, bool)) for i in range(3)]
    return Mixture(
        [MixedSet(index_sequences("videos", videos), num_use=10), MixedSet(index_sequences("stills", images))], 7
    )


def drawn(sampler, first=0, count=400):
    return sampler.draw(first, streams.words(7, streams.SAMPLES, first, count, sampler.WORDS))


def frames(mixture: Mixture, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Track and frame of each row, read off its file."""
    paths = [mixture.path(int(row)).replace("\\", "/").rsplit("/", 1) for row in rows]
    return np.array([name for name, _ in paths]), np.array([int(file.split(".")[0]) for _, file in paths])


def test_causal_search_frames_follow_their_template(mixture):
    draw = drawn(CausalSampler(mixture, gap=30))
    (template,) = draw.templates
    (tracks, at), (others, then) = frames(mixture, template), frames(mixture, draw.search)
    np.testing.assert_array_equal(tracks, others)
    assert set(tracks) == {"long", "sparse", "absent", "image0", "image1", "image2"}, (
        "too short, too seldom seen: unused"
    )
    still = np.char.startswith(tracks, "image")
    assert (then[still] == at[still]).all()
    assert (then[~still] > at[~still]).all()
    assert (then - at)[tracks == "long"].max() < 30
    assert draw.present.all()
    assert not draw.empty.any()
    rows = np.concatenate([template, draw.search])
    assert (rows < mixture._set_rows[-1]).all(), "only frames that show the target"


@pytest.mark.parametrize("kind", [TridentSampler, TridentProSampler])
def test_dynamic_templates_lie_beside_the_search_frame_away_from_the_template_too(mixture, kind):
    draw = drawn(kind(mixture, gaps=(20,)), count=1500)
    (tracks, first), (_, dynamic), (_, search) = (frames(mixture, rows) for rows in (*draw.templates, draw.search))
    video = ~np.char.startswith(tracks, "image")
    behind = first >= search
    away = (dynamic - search)[video & behind]
    assert away.min() >= 0
    assert away.max() < 20
    before = (search - dynamic)[video & ~behind]
    assert before.min() >= 1
    assert before.max() <= 20
    hidden = draw.templates[1] >= mixture._set_rows[-1]
    assert hidden.any() == (kind is TridentProSampler)
    assert np.isfinite(mixture.boxes(draw.templates[1])).all(), "a hidden frame without a box cannot be a template"


def test_tracks_that_begin_late_or_pause_are_used_whole():
    """Of ImageNet VID and YouTube-BB, where frames are numbered as those of the whole video."""
    rng = np.random.default_rng(0)
    numbers = {
        "early": np.arange(60),
        "late": np.arange(300, 360),
        "pausing": np.concatenate([np.arange(50, 70), np.arange(500, 540)]),
    }
    count = sum(map(len, numbers.values()))
    shown = rng.random(count) < 0.8
    boxes = np.tile(np.float32([1, 2, 30, 40]), (count, 1))
    table = TrackTable(
        boxes=boxes,
        tracks=np.repeat(np.arange(3, dtype=np.int32), [len(own) for own in numbers.values()]),
        frames=np.concatenate(list(numbers.values())).astype(np.int32),
        paths=PathTable.of([[f"{name}/{number}.jpg" for number in own] for name, own in numbers.items()]),
        names=StringTable.of(numbers),
        videos=np.arange(3, dtype=np.int32),
        video_names=StringTable.of(numbers),
        shown=shown,
    )
    mixture = Mixture([MixedSet(index_table("vid", table))], 7)
    visible = {n: set(own[shown[i * 60 : i * 60 + 60]].tolist()) for i, (n, own) in enumerate(numbers.items())}
    for sampler in (CausalSampler(mixture, gap=30), TridentProSampler(mixture, gaps=(10,), negative=0.5)):
        draw = drawn(sampler, count=3000)
        (tracks, at), (others, then) = frames(mixture, draw.templates[0]), frames(mixture, draw.search)
        kept = draw.present
        np.testing.assert_array_equal(tracks[kept], others[kept])
        for name, seen in visible.items():
            assert set(at[tracks == name]) | set(then[kept & (others == name)]) == seen
        away = draw.empty
        if away.any():  # a search frame that hides the target is one of the template's own track
            np.testing.assert_array_equal(tracks[away], others[away])
            assert all(int(f) not in visible[name] for name, f in zip(others[away], then[away], strict=True))


def test_negatives_hide_the_target_or_come_from_another_video(mixture):
    draw = drawn(TridentProSampler(mixture, negative=0.5), count=3000)
    assert abs(draw.present.mean() - 0.5) < 0.03
    (tracks, _), (others, _) = frames(mixture, draw.templates[0]), frames(mixture, draw.search)
    same = tracks == others
    assert same[draw.present].all()
    assert same[draw.empty].all()
    assert (draw.search[draw.empty] >= mixture._set_rows[-1]).all(), "frames in which nobody is seen"
    elsewhere = ~draw.present & ~draw.empty
    assert not same[elsewhere].any()
    assert np.isfinite(mixture.boxes(draw.search[elsewhere])).all()
    assert set(tracks[elsewhere]) == {"image0", "image1", "image2"}, "videos here have hidden frames of their own"


def test_samples_depend_on_their_number_alone(mixture):
    sampler = TridentProSampler(mixture, gaps=(50, 10), negative=0.3)
    whole = drawn(sampler, 0, 200)
    assert len(whole.templates) == sampler.templates == 3
    for first, count in ((0, 1), (13, 40), (199, 1)):
        part = drawn(sampler, first, count)
        for mine, all_of_them in zip(
            (*part.templates, part.search, part.empty), (*whole.templates, whole.search, whole.empty), strict=True
        ):
            np.testing.assert_array_equal(mine, all_of_them[first : first + count])


def test_a_sample_that_needs_more_numbers_than_it_owns_gets_them(mixture):
    """Two frames far apart: the causal rule looks again and again until the gap has grown to them."""
    visible = np.zeros(900, bool)
    visible[[0, 1, 2, 3, 895]] = True
    lonely = Mixture([MixedSet(index_sequences("lonely", [video("v", visible)]))], 1)
    draw = drawn(CausalSampler(lonely, gap=2), count=50)
    _, first = frames(lonely, draw.templates[0])
    _, then = frames(lonely, draw.search)
    assert (then > first).all()


def test_what_cannot_be_drawn_from_is_a_sentence(mixture):
    short = Mixture([MixedSet(index_sequences("short", [video("a", np.ones(12, bool))]))], 0)
    with pytest.raises(DataError, match="no video has 20 frames"):
        CausalSampler(short)
    alone = Mixture([MixedSet(index_sequences("alone", [video("a", np.ones(30, bool))]))], 0)
    with pytest.raises(ConfigError, match="other videos"):
        TridentSampler(alone, negative=0.5)
    for options in (["GAPS", "[]"], ["NEGATIVE", "1.5"]):
        pairs = ["DATA.SAMPLER.NAME", "trident", f"DATA.SAMPLER.{options[0]}", options[1]]
        with pytest.raises(ConfigError, match=rf"DATA\.SAMPLER\.{options[0]}"):
            samplers.build(load(overrides=pairs).DATA.SAMPLER, mixture=mixture)
    with pytest.raises(ConfigError, match=r"GAP: 1"):
        CausalSampler(mixture, gap=1)


# Batches ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory) -> list[Sequence]:
    """Two videos whose target stands at the left edge and leaves the frame with a box beyond it."""
    root = tmp_path_factory.mktemp("frames")
    videos = []
    for v in range(2):
        paths, boxes = [], []
        for f in range(20):
            frame = np.full((60, 80, 3), 100, np.uint8)
            cv2.rectangle(frame, (2, 20), (13, 31), (30, 200, 255), -1)
            paths.append(str(root / f"{v}_{f}.png"))
            boxes.append([2, 20, 12, 12] if f % 4 else [-30, 20, 12, 12])
            cv2.imwrite(paths[-1], frame)
        videos.append(Sequence(f"v{v}", ImageFrames(paths), np.array(boxes, np.float64), visible=np.arange(20) < 16))
    return videos


def data(on_disk, *pairs) -> TrainingData:
    options = [
        *("CROP.NAME", "area", "CROP.TEMPLATE_SIZE", "32", "CROP.SEARCH_SIZE", "80", "DATA.WORKERS", "0"),
        *("DATA.SAMPLER.NAME", "trident_pro", "DATA.SAMPLER.NEGATIVE", "0.5", "DATA.AUGMENT.MIRROR", "0.5"),
        *("DATA.AUGMENT.SEARCH.SHIFT", "2.25", "DATA.AUGMENT.SEARCH.SCALE", "0.5", "TRAIN.BATCH", "16"),
        *("DATA.AUGMENT.SEARCH.SCALE_DRAW", "normal", "DATA.SAMPLES_PER_EPOCH", "64"),
        *(key for side in ("TEMPLATE", "SEARCH") for key in (f"DATA.AUGMENT.{side}.COLOR", "0.0")),
        *("DATA.AUGMENT.TEMPLATE.SHIFT", "0.0", "DATA.AUGMENT.TEMPLATE.SCALE", "0.0"),
    ]
    mixture = Mixture([MixedSet(index_sequences("edge", on_disk))], 3)
    return TrainingData(load(overrides=[*options, *pairs]), mixture=mixture, pin_memory=False)


def test_crops_of_nothing_are_drawn_again_wherever_the_sample_is_made(on_disk):
    """A quarter of the boxes lies outside the frame: no crop that comes through is all padding."""
    made = data(on_disk).maker
    whole = made.make(0, 48)
    for crop in (*whole.templates, whole.search):
        assert crop.mask.shape == crop.pixels[:, 0].shape
        assert not crop.mask.flatten(1).all(1).any()
        assert (crop.pixels.amax(1)[crop.mask] <= 100).all(), "padding is black, or blended with it"
    assert whole.templates[0].mask.flatten(1).any(1).any()
    part = made.make(31, 5)
    for mine, theirs in zip((*part.templates, part.search), (*whole.templates, whole.search), strict=True):
        for name in ("pixels", "mask", "box"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name)[31:36])


def test_data_that_never_shows_anything_are_blamed(on_disk):
    outside = [Sequence(s.name, s.frames, np.tile([-500.0, 20, 12, 12], (20, 1))) for s in on_disk]
    with pytest.raises(DataError, match=r"_\d+\.png: of sample \d+, drawn 20 times"):
        data(outside).maker.make(0, 4)


def test_brightness_scales_and_stays_within_range(on_disk):
    plain = data(on_disk)
    bright = data(on_disk, "DATA.AUGMENT.SEARCH.BRIGHTNESS", "0.9")
    before, after = (d.prepare(d.maker.make(0, 16), "cpu").search.pixels for d in (plain, bright))
    ratio = after.flatten(1).mean(1) / before.flatten(1).mean(1)
    assert ratio.min() < 0.7
    assert ratio.max() > 1.2
    assert after.max() == 255
    assert after.min() >= 0
