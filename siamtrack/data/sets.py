"""From ``DATA.SETS`` to a mixture: the data sets that a configuration names, opened and indexed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from siamtrack.config import ConfigError, origin, to_plain
from siamtrack.data.cache import open_index
from siamtrack.data.mixture import MixedSet, Mixture
from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError

T = TypeVar("T")


def open_mixture(
    sections: Sequence[Mapping[str, Any]], root: str | os.PathLike[str] | None, seed: int, samples: int = 0
) -> Mixture:
    """Open and index the data sets of ``DATA.SETS``.

    Args:
        sections: NAME, FRAME_RANGE, NUM_USE (see :class:`MixedSet`) or WEIGHT (its share of the samples; in all
            entries or in none), BY_CATEGORY, FOLDER (where in ``root`` the set lies, if not under a usual name),
            SEQUENCES (names; all by default), and options of the set's reader.
        root: folder with the data; ``None``: what ``SIAMTRACK_DATA`` says.
        seed: of the run.
        samples: in a round where sets have a WEIGHT: ``DATA.SAMPLES_PER_EPOCH``.

    Raises:
        ConfigError: a section has no NAME, or an option that neither the mixture nor the reader knows.
        DataError: the data is not there or cannot be used.
    """
    sets, missing = [], []
    for section, share in zip(sections, _shares(sections, samples), strict=True):
        try:
            sets.append(_open(section, root, share))
        except DataError as error:
            missing.append(str(error))
    if missing:  # all of them at once: opening takes a while
        several = f"{len(missing)} of the {len(sections)} data sets in DATA.SETS cannot be used.\n"
        raise DataError((several if len(missing) > 1 else "") + "\n".join(missing))
    return Mixture(sets, seed)


def reader_of(
    section: Mapping[str, Any], root: str | os.PathLike[str] | None
) -> tuple[str, str | os.PathLike[str] | None, dict[str, Any]]:
    """What an entry of ``DATA.SETS`` asks :func:`siamtrack.data.readers.open_dataset` for: name, folder, options.

    Raises:
        ConfigError: the entry has no NAME, or an absolute FOLDER.
    """
    name = _option(section, "NAME", str, "")
    if not name:
        raise ConfigError(f"DATA.SETS: the entry {to_plain(section)} has no NAME; say which data set it is.")
    folder = Path(_option(section, "FOLDER", str, ""))
    if folder.is_absolute():
        raise ConfigError(
            f"{origin(section, 'FOLDER')}, key DATA.SETS FOLDER: {folder} of {name} should be relative to the data "
            "root, which comes from --data-root or SIAMTRACK_DATA."
        )
    own = ("NAME", "FRAME_RANGE", "NUM_USE", "WEIGHT", "BY_CATEGORY", "FOLDER")
    options = {key.lower(): to_plain(value) for key, value in section.items() if key not in own}
    root = root or os.environ.get("SIAMTRACK_DATA")
    # an index is kept, and found again from whatever folder a run starts in
    return name, root and Path(os.path.abspath(root)) / folder, options


def _shares(sections: Sequence[Mapping[str, Any]], samples: int) -> list[int | None]:
    """How many of ``samples`` each set contributes by its WEIGHT; ``None`` where it says NUM_USE or nothing."""
    weighted = [section for section in sections if "WEIGHT" in section]
    if not weighted:
        return [None] * len(sections)
    for section in sections:
        name = section.get("NAME")
        if "WEIGHT" not in section or "NUM_USE" in section:
            raise ConfigError(
                f"DATA.SETS, {name}: WEIGHT is a share among all sets: give each of them a WEIGHT, or each a NUM_USE."
            )
        if not _option(section, "WEIGHT", float, 0.0) > 0:
            raise ConfigError(
                f"{origin(section, 'WEIGHT')}, key DATA.SETS WEIGHT: {section['WEIGHT']} of {name} should be above 0."
            )
    ends = np.cumsum([0.0, *(float(section["WEIGHT"]) for section in sections)])
    counts = np.diff(np.rint(ends / ends[-1] * max(samples, len(sections))).astype(np.int64))
    return [max(int(count), 1) for count in counts]


def _open(section: Mapping[str, Any], root: str | os.PathLike[str] | None, share: int | None) -> MixedSet:
    name, folder, options = reader_of(section, root)
    frame_range = _option(section, "FRAME_RANGE", int, MixedSet.frame_range)
    num_use = _option(section, "NUM_USE", int, MixedSet.num_use) if share is None else share
    by_category = _option(section, "BY_CATEGORY", bool, MixedSet.by_category)
    return MixedSet(open_index(open_dataset(name, folder, **options)), frame_range, num_use, by_category)


def _option(section: Mapping[str, Any], key: str, kind: type[T], default: T) -> T:
    value: Any = section.get(key, default)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        raise ConfigError(
            f"{origin(section, key)}, key DATA.SETS {key}: {value!r} of {section.get('NAME')} should be "
            f"{kind.__name__}."
        )
    fitting: T = value
    return fitting
