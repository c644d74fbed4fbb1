"""From ``DATA.SETS`` to an open mixture, and the sentences for what cannot be opened."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from siamtrack.config import ConfigError, load
from siamtrack.data.sequence import DataError
from siamtrack.data.sets import open_mixture


@pytest.fixture
def root(tmp_path):
    for folder, videos in (("mine", 2), ("yours", 3)):
        for v in range(videos):
            home = tmp_path / folder / f"video{v}"
            home.mkdir(parents=True)
            for f in range(4):
                cv2.imwrite(str(home / f"{f}.png"), np.zeros((20, 30, 3), np.uint8))
            (home / "groundtruth.txt").write_text("1,2,3,4\n" * 4)
    return tmp_path


def _open(sets: str, root):
    return open_mixture(load(overrides=["DATA.SETS", sets]).DATA.SETS, root, seed=1)


def test_sets_are_found_in_their_folders_with_their_numbers(root):
    mixture = _open("[{NAME: folder, FOLDER: mine, NUM_USE: 7, FRAME_RANGE: 2}, {NAME: folder, FOLDER: yours}]", root)
    assert [part.index.videos for part in mixture.sets] == [2, 3]
    assert mixture.round_length == 7 + 3
    assert mixture.sets[0].frame_range == 2
    np.testing.assert_array_equal(mixture.boxes(np.array([0, 19])), [[1, 2, 3, 4]] * 2)
    assert mixture.path(8).endswith("0.png")


def test_the_root_may_come_from_the_environment(root, monkeypatch):
    monkeypatch.setenv("SIAMTRACK_DATA", str(root))
    assert _open("[{NAME: folder, FOLDER: yours}]", None).round_length == 3


def test_chosen_sequences_and_reader_options_reach_the_reader(root):
    mixture = _open("[{NAME: folder, FOLDER: yours, SEQUENCES: [video1], OFFSET: 1.0}]", root)
    assert mixture.sets[0].index.videos == 1
    np.testing.assert_array_equal(mixture.boxes(np.array([0])), [[0, 1, 3, 4]])


def test_weights_are_shares_of_an_epoch(root):
    sets = "[{NAME: folder, FOLDER: mine, WEIGHT: 1}, {NAME: folder, FOLDER: yours, WEIGHT: 2.5}]"
    mixture = open_mixture(load(overrides=["DATA.SETS", sets]).DATA.SETS, root, seed=1, samples=100)
    assert mixture.num_use.tolist() == [29, 71]
    assert mixture.round_length == 100
    many = open_mixture(load(overrides=["DATA.SETS", sets]).DATA.SETS, root, seed=1, samples=1)
    assert (many.num_use >= 1).all(), "no set is forgotten"


@pytest.mark.parametrize(
    ("sets", "sentence"),
    [
        ("[{NAME: folder, FOLDER: mine, WEIGHT: 1}, {NAME: folder, FOLDER: yours}]", "WEIGHT is a share among all"),
        ("[{NAME: folder, FOLDER: mine, WEIGHT: 1, NUM_USE: 3}]", "WEIGHT is a share among all"),
        ("[{NAME: folder, FOLDER: mine, WEIGHT: 0}]", "should be above 0"),
        ("[{NAME: folder, FOLDER: mine, WEIGHT: true}]", "should be float"),
        ("[{NAME: folder, FOLDER: mine, BY_CATEGORY: 1}]", "BY_CATEGORY: 1 of folder should be bool"),
        ("[{NAME: folder, FOLDER: mine, BY_CATEGORY: true}]", "BY_CATEGORY asks for what the data set does not say"),
    ],
)
def test_shares_and_categories_that_make_no_sense(root, sets, sentence):
    with pytest.raises(ConfigError, match=sentence):
        _open(sets, root)


def test_all_that_is_missing_is_said_at_once(root):
    sets = "[{NAME: folder, FOLDER: gone}, {NAME: folder, FOLDER: mine}, {NAME: vid}]"
    with pytest.raises(DataError, match=r"(?s)2 of the 3 data sets in DATA.SETS cannot be used.*gone.*data set vid"):
        _open(sets, root)


def test_the_second_time_annotation_is_not_read(root, monkeypatch):
    sets = "[{NAME: folder, FOLDER: mine}]"
    first = _open(sets, root)
    monkeypatch.setattr("siamtrack.data.cache._make", lambda data: pytest.fail("annotation was read again"))
    monkeypatch.chdir(root)
    again = _open(sets, ".")
    assert again.path(0) == first.path(0)
    np.testing.assert_array_equal(again.boxes(np.arange(8)), first.boxes(np.arange(8)))


@pytest.mark.parametrize(
    ("entry", "error", "sentence"),
    [
        ("{FOLDER: mine}", ConfigError, "no NAME"),
        ("{NAME: folder, FOLDER: mine, NUM_USE: many}", ConfigError, "NUM_USE.*should be int"),
        ("{NAME: folder, FOLDER: mine, NUM_USE: 0}", ConfigError, "above 0"),
        ("{NAME: folder, FOLDER: mine, FRAME_RANGE: -1}", ConfigError, "0 or more"),
        ("{NAME: folder, FOLDER: mine, FRAME_RANG: 3}", ConfigError, "FRAME_RANG"),
        ("{NAME: foldr, FOLDER: mine}", ConfigError, "folder"),
        ("{NAME: folder, FOLDER: /mine}", ConfigError, "relative"),
        ("{NAME: folder, FOLDER: theirs}", DataError, "theirs"),
    ],
)
def test_what_cannot_be_opened_is_a_sentence(root, entry, error, sentence):
    with pytest.raises(error, match=sentence):
        _open(f"[{entry}]", root)
