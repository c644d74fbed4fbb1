"""The mixtures of all configurations: options that readers know, and the shares that the papers give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from siamtrack import config
from siamtrack.data.mixture import MixedSet
from siamtrack.data.readers import datasets

CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs"
FILES = sorted(path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*.yaml"))
OWN = ("NAME", "FRAME_RANGE", "NUM_USE", "WEIGHT", "BY_CATEGORY", "FOLDER", "SEQUENCES")


def sets(name: str) -> list[dict[str, Any]]:
    return [config.to_plain(section) for section in config.load(CONFIGS / name).DATA.SETS]


@pytest.mark.parametrize("name", FILES)
def test_readers_know_their_options(name):
    for section in sets(name):
        options = {key: value for key, value in section.items() if key not in OWN or key == "NAME"}
        datasets.options(datasets.get(section["NAME"]), options)
        assert section.get("NUM_USE", 1) > 0
        assert section.get("FRAME_RANGE", MixedSet.frame_range) > 0


@pytest.mark.parametrize("name", FILES)
def test_rounds_are_epochs_where_every_share_is_given(name):
    """Where each set has a NUM_USE, together they make the epoch, as the originals' do."""
    used = [section.get("NUM_USE") for section in sets(name)]
    samples = config.load(CONFIGS / name).DATA.SAMPLES_PER_EPOCH
    alone = len(used) == 1  # NUM_USE of the only set is of no account
    assert alone or None in used or sum(used) == samples


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "siamban/r50.yaml",  # the six of SiamBAN: (name, NUM_USE in thousands, FRAME_RANGE)
            {("vid", 100, 100), ("youtubebb", 200, 3), ("coco", 100, 1), ("det", 200, 1), ("got10k", 200, 100),
             ("lasot", 200, 100)},
        ),
        (
            "siamrpnpp_rbo/r50.yaml",
            {("vid", 100, 100), ("youtubebb", 200, 3), ("coco", 100, 1), ("det", 200, 1), ("got10k", 200, 100)},
        ),
        (
            "siamcross/r50.yaml",
            {("vid", 110, 100), ("youtubebb", 210, 3), ("got10k", 160, 100), ("det", 60, 100), ("coco", 60, 1)},
        ),
    ],
)  # fmt: skip
def test_shares_and_ranges_of_pysots_family(name, expected):
    assert {(s["NAME"], s["NUM_USE"] // 1000, s["FRAME_RANGE"]) for s in sets(name)} == expected


def test_stark_takes_a_quarter_each_without_what_vot_shows():
    chosen = sets("stark/s50.yaml")
    assert {(s["NAME"], s["WEIGHT"]) for s in chosen} == {("lasot", 1), ("got10k", 1), ("coco", 1), ("trackingnet", 1)}
    assert next(s for s in chosen if s["NAME"] == "got10k")["SPLIT"] == "vot-train"
    assert all(s["SPLIT"].startswith(("train", "vot-train")) for s in chosen), "no test set among them"
