"""Annotations of VOT from the JSON files that users of pysot keep (``VOT2018.json``)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from siamtrack.evaluation.vot.regions import Mask, Regions
from siamtrack.evaluation.vot.truth import VotTruth

_NOT_TAGS = ("gt_rect", "init_rect", "img_names", "absent")
_LAYOUT = '{"ants1": {"width": 480, "height": 360, "gt_rect": [[x1, y1, ..., x4, y4], ...], "occlusion": [0, ...]}}'


def read_annotation(path: str | os.PathLike[str]) -> list[VotTruth]:
    """The sequences of one file.

    Per-frame lists are tags; an empty one is a tag that the challenge did not annotate, and frames behind the end of a
    shorter one do not have it (VOT2019 has such). Rows with NaN, or of one number, are frames without the target.

    Raises:
        ValueError: no such file, no JSON, or a sequence without size or regions.
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); expected is {_LAYOUT}.") from None
    except ValueError as error:
        raise ValueError(f"{path}: is not JSON ({error}); expected is {_LAYOUT}.") from None
    if not isinstance(entries, dict):
        raise ValueError(f"{path}: is not an annotation of VOT; expected is {_LAYOUT}.")
    truths = []
    for name, entry in entries.items():
        try:
            truths.append(_truth(name, entry))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{path}, sequence {name}: {error!r}; expected is {_LAYOUT}.") from None
    return truths


def _truth(name: str, entry: dict[str, Any]) -> VotTruth:
    regions = Regions.of(entry["gt_rect"])
    tags: dict[str, Mask] = {
        tag: _whole(np.asarray(flags) != 0, len(regions))
        for tag, flags in (entry.get("tags") or entry).items()
        if tag not in _NOT_TAGS and isinstance(flags, list) and flags
    }
    return VotTruth(name, regions, (int(entry["width"]), int(entry["height"])), tags)


def _whole(flags: Mask, frames: int) -> Mask:
    return np.pad(flags, (0, max(frames - len(flags), 0)))
