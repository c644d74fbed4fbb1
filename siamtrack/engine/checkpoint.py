"""Checkpoints: weights and training state, written so that a crash at any moment costs nothing.

A checkpoint is two files: ``epoch-0007.safetensors`` (weights, configuration, meta) and ``epoch-0007.state.pt``
(everything else that a run needs to go on). The state is written last and names size and hash of its weights, so a
pair that was not finished is recognised and never taken up. Between epochs ``epoch-0007-step-001200`` stands for
seven finished epochs and 1200 steps of the eighth.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from siamtrack.files import replacing
from siamtrack.models.weights import save_weights

log = logging.getLogger(__name__)

BEST = "best.safetensors"
_NAME = re.compile(r"epoch-(\d+)(?:-step-(\d+))?$")


class CheckpointError(ValueError):
    """A run's checkpoint or folder cannot be used; the message says which, why, and what would be right."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete pair of files.

    Attributes:
        weights: path of the safetensors file.
        config_text: the configuration it was trained with.
        state: object name to its ``state_dict``.
    """

    weights: Path
    config_text: str
    state: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they stand; made when the first one is saved.
        keep: newest epoch checkpoints to keep, 0 for all. Of those within an epoch only the newest stays.
    """

    def __init__(self, folder: Path, keep: int = 0) -> None:
        self.folder = folder
        self.keep = keep

    def path(self, position: tuple[int, int]) -> Path:
        """The weights file for (finished epochs, finished steps of the next one)."""
        epoch, step = position
        return self.folder / (f"epoch-{epoch:04d}" + (f"-step-{step:06d}" if step else "") + ".safetensors")

    def save(
        self,
        position: tuple[int, int],
        weights: Mapping[str, Tensor],
        state: Mapping[str, Any],
        config_text: str,
        meta: Mapping[str, Any],
    ) -> Path:
        """Write a checkpoint, then remove those that it makes superfluous.

        Args:
            position: finished epochs, and finished steps of the next one.

        Returns:
            The weights file.

        Raises:
            CheckpointError: it cannot be written (disk full); earlier checkpoints are as they were.
        """
        target = self.path(position)
        companion = target.with_suffix(".state.pt")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_weights(target, weights, config_text, meta)
            proof = {"size": target.stat().st_size, "sha256": _sha256(target)}
            with replacing(companion) as temporary, temporary.open("wb") as file:
                torch.save({"weights": proof, "config": config_text, "state": dict(state)}, file)
        except (OSError, RuntimeError) as error:
            if not companion.exists():  # weights without a state are no checkpoint, and the disk is short of room
                target.unlink(missing_ok=True)
            raise CheckpointError(
                f"{target}: the checkpoint cannot be written ({error}). Earlier ones are untouched; free some space "
                "on the disk, and --resume goes on from the newest."
            ) from error
        self._tidy(position)
        return target

    def keep_best(self, position: tuple[int, int]) -> None:
        """Let ``best.safetensors`` be the weights saved at a position; they stay when the checkpoint itself goes.

        Raises:
            CheckpointError: it cannot be written (disk full); the best one so far is as it was.
        """
        best = self.folder / BEST
        try:
            with replacing(best) as temporary:
                temporary.unlink(missing_ok=True)
                try:
                    os.link(self.path(position), temporary)
                except OSError:  # a file system without links
                    shutil.copyfile(self.path(position), temporary)
        except OSError as error:
            raise CheckpointError(f"{best}: the best weights cannot be written ({error}).") from error

    def newest(self) -> Checkpoint | None:
        """The newest complete checkpoint, or ``None``; passes over damaged ones and says so."""
        for name, _ in sorted(self._found(), key=lambda found: found[1], reverse=True):
            try:
                return self._read(name)
            except CheckpointError as error:
                log.warning("%s Passing over it.", error)
        return None

    def _read(self, name: str) -> Checkpoint:
        weights, companion = self.folder / f"{name}.safetensors", self.folder / f"{name}.state.pt"
        try:
            with zipfile.ZipFile(companion) as archive:  # torch.load does not look at the check sums
                if (spoilt := archive.testzip()) is not None:
                    raise CheckpointError(f"{companion}: is damaged (check sum of {spoilt}).")
            saved = torch.load(companion, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
            raise CheckpointError(f"{companion}: is damaged ({error}).") from error
        proof = saved["weights"]
        if not weights.is_file() or weights.stat().st_size != proof["size"] or _sha256(weights) != proof["sha256"]:
            raise CheckpointError(f"{weights}: is missing or not the file that {companion.name} belongs to.")
        return Checkpoint(weights, saved["config"], saved["state"])

    def _found(self) -> list[tuple[str, tuple[int, int]]]:
        """Names with a state file, and their positions."""
        names = (path.name.removesuffix(".state.pt") for path in self.folder.glob("epoch-*.state.pt"))
        matches = ((name, _NAME.match(name)) for name in names)
        return [(name, (int(match[1]), int(match[2] or 0))) for name, match in matches if match]

    def _tidy(self, newest: tuple[int, int]) -> None:
        """Remove older checkpoints within epochs, epoch checkpoints beyond ``keep``, and left-over parts."""
        earlier = sorted((found for found in self._found() if found[1] < newest), key=lambda found: found[1])
        epochs = [name for name, (_, step) in earlier if step == 0]
        within = [name for name, (_, step) in earlier if step]
        surplus = epochs[: max(0, len(epochs) + (newest[1] == 0) - self.keep)] if self.keep else []
        for name in (*within, *surplus):
            # the state first: weights without a state are no checkpoint, a state without weights would be a broken one
            (self.folder / f"{name}.state.pt").unlink(missing_ok=True)
            (self.folder / f"{name}.safetensors").unlink(missing_ok=True)
        for path in self.folder.glob("*.tmp"):
            path.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
