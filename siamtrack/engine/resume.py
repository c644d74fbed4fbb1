"""Whether a run may begin in its folder: afresh, from a checkpoint, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from siamtrack import config
from siamtrack.engine.checkpoint import Checkpoint, CheckpointError, Checkpoints

log = logging.getLogger(__name__)

# keys that may differ between a run and its continuation: they do not change what a step computes
HARMLESS = (
    "OUTPUT",
    "PLUGINS*",
    "TRACK*",
    "DATA.WORKERS",
    "TRAIN.BEST",
    "TRAIN.CHECKPOINTING*",
    "TRAIN.DEVICE_BATCH",
    "TRAIN.EPOCHS",
    "TRAIN.KEEP",
    "TRAIN.LOG_EVERY",
    "TRAIN.PICTURE_EVERY",
    "TRAIN.PREFLIGHT",
    "TRAIN.REHEARSE",
    "TRAIN.SAVE_EVERY",
    "TRAIN.SAVE_STEPS",
    "TRAIN.STOP_AFTER",
    "TRAIN.VALIDATE*",
    "TRAIN.WANDB",
)


def starting_point(output: Path, checkpoints: Checkpoints, cfg: CfgNode, resume: bool) -> Checkpoint | None:
    """The checkpoint to go on from; ``None``: start afresh.

    Raises:
        CheckpointError: the folder holds something and ``resume`` is off, or its run had another configuration.
    """
    if output.exists() and not output.is_dir():
        raise CheckpointError(f"{output}: is a file; OUTPUT names the folder of the run.")
    if not resume:
        if output.is_dir() and any(output.iterdir()):
            raise CheckpointError(
                f"{output}: is not empty, and a new run would overwrite what stands there. Go on with it by --resume, "
                "or give another folder (OUTPUT ...)."
            )
        return None
    found = checkpoints.newest()
    if found is None:
        log.warning("%s holds no complete checkpoint to resume from: the run starts from the beginning.", output)
        return None
    changed = differences(config.loads(found.config_text, str(found.weights)), cfg)
    if changed:
        listed = "; ".join(f"{key} was {old!r}, is {new!r}" for key, (old, new) in changed.items())
        raise CheckpointError(
            f"{output}: cannot be resumed with another configuration ({listed}). Put these back, or start a new run "
            f"in another folder, with MODEL.INIT {found.weights} if it shall begin with these weights."
        )
    return found


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], ignored: Sequence[str] = HARMLESS
) -> dict[str, tuple[Any, Any]]:
    """Dotted keys with different values, and both values; ``ignored`` patterns left out, a missing key is ``None``."""
    before, after = _flat(config.to_plain(old)), _flat(config.to_plain(new))
    return {
        key: (before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and not any(fnmatchcase(key, pattern) for pattern in ignored)
    }


def _flat(value: Any, above: str = "") -> dict[str, Any]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None or not value:
        return {above: value}
    flat: dict[str, Any] = {}
    for key, item in items:
        flat.update(_flat(item, f"{above}.{key}" if above else str(key)))
    return flat
