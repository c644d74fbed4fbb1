"""What is drawn, how often, and that it depends on nothing but seed and number."""

from __future__ import annotations

import numpy as np
import pytest

from siamtrack.config import ConfigError, load
from siamtrack.data import streams
from siamtrack.data.index import index_sequences
from siamtrack.data.mixture import MixedSet, Mixture
from siamtrack.data.sampling import PairSampler, samplers
from siamtrack.data.sampling.temporal import CausalSampler
from siamtrack.data.sequence import ImageFrames, NumberedPaths, Sequence


def _index(name, videos, tracks=1, frames=30):
    return index_sequences(
        name,
        [
            Sequence(
                f"{name}{v}-{t}",
                ImageFrames(NumberedPaths(f"{name}/{v}", "%d.jpg", 0, frames)),
                np.tile([float(v), float(t), 10.0, 10.0], (frames, 1)),
                group=f"{name}{v}",
            )
            for v in range(videos)
            for t in range(tracks)
        ],
    )


@pytest.fixture(scope="module")
def mixture():
    return Mixture(
        [
            MixedSet(_index("big", 40, tracks=2), frame_range=5, num_use=60),
            MixedSet(_index("small", 3, frames=8), frame_range=100, num_use=30),
            MixedSet(_index("stills", 25, frames=1), frame_range=1),
        ],
        seed=11,
    )


def _draw(sampler, first, count):
    return sampler.draw(first, streams.words(11, streams.SAMPLES, first, count, sampler.WORDS))


def _track(mixture, rows):
    return np.searchsorted(mixture._rows, rows, side="right") - 1


def _video(mixture, rows):
    return np.searchsorted(mixture._tracks, _track(mixture, rows), side="right") - 1


def test_every_set_has_its_share_of_every_round(mixture):
    assert mixture.round_length == 60 + 30 + 25
    for number in range(3):
        videos = mixture.turns(number * 115, 115)
        sets = np.searchsorted(mixture._set_videos, videos, side="right") - 1
        assert np.bincount(sets).tolist() == [60, 30, 25]


def test_lists_go_on_in_the_next_round_so_that_all_videos_are_used_evenly(mixture):
    four_rounds = mixture.turns(0, 4 * 115)
    counts = np.bincount(four_rounds, minlength=68)
    assert set(counts[:40]) == {6}, "240 turns of 40 videos"
    assert set(counts[40:43]) == {40}
    assert set(counts[43:]) == {4}


def test_the_originals_fixed_list_repeats_the_same_videos(mixture):
    first, second = (np.sort(mixture.turns(n * 115, 115, fixed=True)) for n in (0, 1))
    np.testing.assert_array_equal(first, second)
    assert (mixture.turns(0, 115, fixed=True) != mixture.turns(115, 115, fixed=True)).any()


def test_turns_across_rounds_join_up(mixture):
    whole = mixture.turns(0, 400)
    np.testing.assert_array_equal(np.concatenate([mixture.turns(i, 40) for i in range(0, 400, 40)]), whole)
    np.testing.assert_array_equal(mixture.turns(101, 33), whole[101:134])


def test_samples_do_not_depend_on_how_they_are_batched(mixture):
    sampler = PairSampler(mixture)
    whole = _draw(sampler, 0, 300)
    for first, count in ((0, 1), (7, 28), (114, 3), (299, 1)):
        part = _draw(sampler, first, count)
        np.testing.assert_array_equal(part.templates[0], whole.templates[0][first : first + count])
        np.testing.assert_array_equal(part.search, whole.search[first : first + count])
        np.testing.assert_array_equal(part.present, whole.present[first : first + count])


def test_positive_pairs_are_of_one_track_and_within_the_range(mixture):
    draw = _draw(PairSampler(mixture, negative=0.0), 0, 5000)
    (template,) = draw.templates
    assert draw.present.all()
    np.testing.assert_array_equal(_track(mixture, template), _track(mixture, draw.search))
    distance = np.abs(draw.search - template)
    sets = mixture.set_of(template)
    assert distance[sets == 0].max() == 5
    assert distance[sets == 1].max() == 7, "a range beyond the track is cut"
    assert distance[sets == 2].max() == 0
    assert (distance == 0).any(), "the search frame may be the template's"


def test_templates_are_uniform_over_tracks_and_frames(mixture):
    (template,) = _draw(PairSampler(mixture), 0, 115 * 200).templates
    np.testing.assert_array_equal(_video(mixture, template), mixture.turns(0, 115 * 200))
    big = template[mixture.set_of(template) == 0]
    per_frame = np.bincount(big % 30, minlength=30) / len(big)
    assert np.abs(per_frame * 30 - 1).max() < 0.2
    assert abs((_track(mixture, big) % 2).mean() - 0.5) < 0.02


def test_negative_pairs_have_their_share_and_come_from_all_sets_alike(mixture):
    draw = _draw(PairSampler(mixture, negative=0.2), 0, 30_000)
    negative = ~draw.present
    assert abs(negative.mean() - 0.2) < 0.01
    sets = np.bincount(mixture.set_of(draw.search[negative]), minlength=3) / negative.sum()
    assert np.abs(sets - 1 / 3).max() < 0.02, "the set is drawn uniformly over sets, not by size"
    same = _video(mixture, draw.search[negative]) == _video(mixture, draw.templates[0][negative])
    assert same.mean() < 0.2


def test_negative_does_not_change_the_other_samples(mixture):
    some, none = _draw(PairSampler(mixture, negative=0.2), 0, 500), _draw(PairSampler(mixture, negative=0.0), 0, 500)
    np.testing.assert_array_equal(some.templates[0], none.templates[0])
    np.testing.assert_array_equal(some.search[some.present], none.search[some.present])


def test_rows_know_their_box_and_file(mixture):
    rows = np.array([0, 31, 40 * 60 + 9, 40 * 60 + 24 + 3])
    np.testing.assert_array_equal(mixture.boxes(rows)[:, :2], [[0, 0], [0, 1], [1, 0], [3, 0]])
    assert [mixture.path(int(row)).replace("\\", "/") for row in rows] == [
        "big/0/0.jpg",
        "big/0/1.jpg",
        "small/1/1.jpg",
        "stills/3/0.jpg",
    ]


def test_registered_with_its_options(mixture):
    sampler = samplers.build(load(overrides=["DATA.SAMPLER.NEGATIVE", "0.5"]).DATA.SAMPLER, mixture=mixture)
    assert sampler.negative == 0.5
    with pytest.raises(ConfigError, match="probability"):
        samplers.build(load(overrides=["DATA.SAMPLER.NEGATIVE", "1.5"]).DATA.SAMPLER, mixture=mixture)


def test_no_set_is_a_sentence():
    with pytest.raises(ConfigError, match=r"DATA\.SETS"):
        Mixture([], seed=0)


def test_ordered_pairs_are_two_frames_the_template_first(mixture):
    draw = _draw(PairSampler(mixture, negative=0.0, ordered=True), 0, 4000)
    (template,) = draw.templates
    distance = draw.search - template
    stills = mixture.set_of(template) == 2
    assert (distance[stills] == 0).all(), "a still image has no other frame"
    assert (distance[~stills] >= 1).all()
    np.testing.assert_array_equal(_track(mixture, template), _track(mixture, draw.search))
    big = mixture.set_of(template) == 0
    assert set(distance[big]) == {1, 2, 3, 4, 5}, "its frame range"
    small = mixture.set_of(template) == 1
    pairs = np.bincount(distance[small], minlength=8)[1:]
    assert (pairs > 0).all()
    assert (np.diff(pairs) < 0).all(), "near pairs are more numerous in a track of 8"


# By category --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def animals():
    """Twenty cats in ten videos of two, three dogs, one bird; every cat's video also holds the other cat."""
    counts = {"cat": 20, "dog": 3, "bird": 1}
    tracks = [
        Sequence(
            f"{kind}{i}",
            ImageFrames(NumberedPaths(f"{kind}/{i}", "%d.jpg", 0, 25)),
            np.tile([float(i), 0.0, 10.0, 10.0], (25, 1)),
            group=f"cats{i // 2}" if kind == "cat" else f"{kind}{i}",
            category=kind,
        )
        for kind, count in counts.items()
        for i in range(count)
    ]
    index = index_sequences("animals", tracks)
    plain = MixedSet(_index("plain", 4), num_use=10)
    return Mixture([plain, MixedSet(index, num_use=24, by_category=True)], seed=3)


def _kinds(mixture, rows):
    index = mixture.sets[1].index
    return np.array([index.category_names[int(index.categories[t - 4])] for t in _track(mixture, rows) if t >= 4])


def test_every_category_is_drawn_as_often_as_any_other(animals):
    assert animals.round_length == 34
    (template,) = _draw(PairSampler(animals, negative=0.0), 0, 3 * 34).templates
    kinds, times = np.unique(_kinds(animals, template), return_counts=True)
    assert dict(zip(kinds, times, strict=True)) == {"bird": 24, "cat": 24, "dog": 24}
    tracks = _track(animals, template)
    per_cat = np.bincount(tracks[(tracks >= 4) & (tracks < 24)] - 4, minlength=20)
    assert per_cat.max() - per_cat.min() == 1, "24 turns of twenty cats"
    per_dog = np.bincount(tracks[(tracks >= 24) & (tracks < 27)] - 24, minlength=3)
    assert per_dog.tolist() == [8, 8, 8]


def test_turns_by_category_depend_on_their_number_alone(animals):
    whole = animals.turns(0, 300)
    np.testing.assert_array_equal(np.concatenate([animals.turns(i, 25) for i in range(0, 300, 25)]), whole)
    again = Mixture(animals.sets, seed=3)
    np.testing.assert_array_equal(again.turns(170, 30), whole[170:200])
    assert (Mixture(animals.sets, seed=4).turns(0, 300) != whole).any()


def test_temporal_samplers_draw_the_category_first_too(animals):
    (template,) = _draw(CausalSampler(animals, gap=10), 0, 1700).templates
    kinds, times = np.unique(_kinds(animals, template), return_counts=True)
    assert kinds.tolist() == ["bird", "cat", "dog"]
    assert np.abs(times / times.sum() - 1 / 3).max() < 0.04


def test_a_substitute_is_of_the_same_round(mixture):
    bits = streams.words(1, 5, 0, 400, 4)[:, :1]
    for sample in (0, 114, 115, 1000):
        found = np.array([mixture.substitute(sample, word) for word in bits])
        assert (found // mixture.round_length == sample // mixture.round_length).all()
        assert len(np.unique(found)) > 80
