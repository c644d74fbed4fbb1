"""From ``DATA.SETS`` to an open mixture, and the sentences for what cannot be opened."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from siamtrack.config import ConfigError, load
from siamtrack.data.mixture import open_mixture
from siamtrack.data.sequence import DataError


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
