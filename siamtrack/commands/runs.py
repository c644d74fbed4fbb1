"""Where runs lie: the folder of a configuration's run, and its checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def output_folder(cfg: Any, path: str) -> Path:
    """The folder of a configuration's run."""
    return Path(cfg.OUTPUT or Path("experiments") / run_name(path))


def run_name(cfg: str) -> str:
    """A folder name for a configuration file: ``configs/siamban/r50.yaml`` -> ``siamban-r50``."""
    path = Path(cfg)
    parent = path.resolve().parent.name
    return path.stem if parent in ("", "configs") else f"{parent}-{path.stem}"


def run_folder(cfg: str | None, folder: str | None) -> Path:
    """The folder that ``--cfg`` or ``--run`` means.

    Raises:
        ValueError: neither is given, or the configuration cannot be read.
    """
    from siamtrack import config

    if folder:
        return Path(folder)
    if not cfg:
        raise ValueError("--checkpoints is a range of a run's epochs: name the run by --cfg or --run.")
    return output_folder(config.load(cfg), cfg)


def newest_of(folder: Path) -> Path:
    """The newest weights of a run.

    Raises:
        ValueError: there are none.
    """
    from siamtrack.engine.checkpoint import Checkpoints

    newest = Checkpoints(folder / "checkpoints").newest()
    if newest is None:
        raise ValueError(f"{folder}: holds no checkpoint; train first, or name one by --checkpoint.")
    return Path(newest.weights)


def checkpoints_of(folder: Path, text: str) -> list[Path]:
    """The weights of a range of a run's epochs, in order.

    Args:
        folder: of the run.
        text: ``11-20``, or one epoch.

    Raises:
        ValueError: not a range, or an epoch that has no checkpoint.
    """
    from siamtrack.engine.checkpoint import Checkpoints

    first, _, last = text.partition("-")
    if not first.isdigit() or not (last or first).isdigit() or int(last or first) < int(first):
        raise ValueError(f"--checkpoints {text!r}: should be FIRST-LAST, finished epochs as in 11-20.")
    checkpoints = Checkpoints(folder / "checkpoints")
    found = [checkpoints.path((epoch, 0)) for epoch in range(int(first), int(last or first) + 1)]
    missing = [path.name for path in found if not path.is_file()]
    if missing:
        raise ValueError(
            f"{checkpoints.folder}: {len(missing)} of {len(found)} are not there, the first is {missing[0]}."
        )
    return found
