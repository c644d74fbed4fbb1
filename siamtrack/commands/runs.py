"""Where runs lie: the folder of a configuration's run, and its newest checkpoint."""

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


def newest_checkpoint(path: str) -> Path:
    """The newest weights of a configuration's run.

    Raises:
        ValueError: there are none.
    """
    from siamtrack import config
    from siamtrack.engine.checkpoint import Checkpoints

    output = output_folder(config.load(path), path)
    newest = Checkpoints(output / "checkpoints").newest()
    if newest is None:
        raise ValueError(f"{output}: holds no checkpoint; train first, or name one by --checkpoint.")
    return Path(newest.weights)
