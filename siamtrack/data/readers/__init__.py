"""Data sets as downloaded, one file each, and the one way to open them: :func:`open_dataset`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from siamtrack.config import ConfigError
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError
from siamtrack.registry import Registry, nearest

datasets: Registry[DataSet] = Registry("data set", "DATA.SETS", package=__name__)

# names under which people know a data set and its edition -> registered name and options
EDITIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "got-10k": ("got10k", {}),
    "otb100": ("otb", {"version": "100"}),
    "otb2015": ("otb", {"version": "100"}),
    "otb50": ("otb", {"version": "50"}),
    "otb2013": ("otb", {"version": "2013"}),
    "cvpr13": ("otb", {"version": "2013"}),
    **{f"vot{year}": ("vot", {"year": year}) for year in range(2013, 2023)},
    **{
        name: ("vot", {"year": year, "challenge": "long"})
        for year in range(2018, 2023)
        for name in (f"vot{year}-lt", f"vot-lt{year}", f"votlt{year}")
    },
    "uav123@10fps": ("uav123_10fps", {}),
    "lasot-test": ("lasot", {"split": "test"}),
    "lasot-ext": ("lasot_ext", {}),
    "lasotext": ("lasot_ext", {}),
    "nfs30": ("nfs", {"fps": "30"}),
    "nfs240": ("nfs", {"fps": "240"}),
    "tcolor128": ("tc128", {}),
}


def open_dataset(
    name: str,
    root: str | os.PathLike[str] | None = None,
    sequences: Iterable[str] | None = None,
    **options: Any,
) -> DataSet:
    """Open a data set as it lies on disk.

    Args:
        name: a name in ``datasets``, or one that says the edition too (``OTB50``, ``VOT2018``, ``UAV123@10fps``); in
            either case of letters.
        root: its own folder or one that holds it under a usual name; ``None``: what ``SIAMTRACK_DATA`` says.
        sequences: names to read, in this order; ``None`` for all.
        options: those of the reader's constructor, such as ``split``.

    Raises:
        DataError: it is not there, or a list that it needs is missing; the sentence shows the expected layout.
        ConfigError: no such data set or option.
    """
    registered, edition = resolve(name)
    root = root or os.environ.get("SIAMTRACK_DATA")
    if not root:
        raise DataError(
            f"data set {name}: no folder was given; use --data-root or set SIAMTRACK_DATA; expected is\n"
            f"{datasets.get(registered).layout}"
        )
    given = _Call(name, {key.upper(): value for key, value in {**edition, **options}.items()} | {"NAME": registered})
    chosen = None if sequences is None else tuple(sequences)
    return datasets.build(given, root=Path(root), sequences=chosen)


def resolve(name: str) -> tuple[str, dict[str, Any]]:
    """The registered name and the options that a name with an edition stands for.

    Raises:
        ConfigError: no such data set; names the nearest.
    """
    registered, edition = EDITIONS.get(name.lower(), (name if name in datasets else name.lower(), {}))
    if registered not in datasets:
        raise ConfigError(f"there is no data set {name!r}{nearest(registered, {*datasets, *EDITIONS})}")
    return registered, dict(edition)


class _Call(dict[str, Any]):
    """Options given in a call; the registry's sentences then name the data set in place of a file."""

    def __init__(self, dataset: str, options: dict[str, Any]) -> None:
        super().__init__(options)
        self.origins = dict.fromkeys(self, f"data set {dataset}")
