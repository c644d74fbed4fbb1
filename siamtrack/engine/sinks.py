"""Where curves go besides the run's own file: TensorBoard, and Weights & Biases where it is asked for."""

from __future__ import annotations

import functools
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from yacs.config import CfgNode

from siamtrack.config import ConfigError, to_plain
from siamtrack.files import write_text


class Sink(Protocol):
    """Takes the numbers of a row; all of its methods may raise ``OSError``."""

    def write(self, curves: Mapping[str, float], step: int) -> None: ...

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        """``[H, W, 3]`` uint8 RGB."""
        ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


SinkMaker = Callable[[Path, int], Sink]


class TensorBoard:
    """Event files under ``tensorboard/``; a run that goes on from ``step`` takes back what came after it."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # a slow import, and only one process needs it

        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)  # type: ignore[no-untyped-call]

    def write(self, curves: Mapping[str, float], step: int) -> None:
        for tag, value in curves.items():
            self._board.add_scalar(tag, value, step)  # type: ignore[no-untyped-call]

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        self._board.add_image(name, image, step, dataformats="HWC")  # type: ignore[no-untyped-call]

    def flush(self) -> None:
        self._board.flush()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        self._board.close()  # type: ignore[no-untyped-call]


class WandB:
    """A run at Weights & Biases; ``wandb-id.txt`` remembers which, so that a resumed one goes on with its curves.

    Args:
        project: its name there.
        settings: the run's configuration, shown beside the curves.

    Raises:
        ConfigError: the package is not installed.
    """

    def __init__(self, folder: Path, step: int, project: str, settings: Mapping[str, Any]) -> None:
        try:
            import wandb  # type: ignore[import-not-found, unused-ignore]
        except ImportError as error:
            raise ConfigError(
                "TRAIN.WANDB names a project, but the package wandb is not installed; `pip install siamtrack[wandb]`, "
                "or leave the key empty."
            ) from error
        self._image = wandb.Image
        known = folder / "wandb-id.txt"
        if not known.exists():
            write_text(known, uuid.uuid4().hex)
        self._run = wandb.init(
            project=project,
            id=known.read_text(encoding="utf-8"),
            name=folder.resolve().name,
            dir=os.fspath(folder),
            config=dict(settings),
            resume="allow",
        )

    def write(self, curves: Mapping[str, float], step: int) -> None:
        self._run.log(dict(curves), step=step)

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        self._run.log({name: self._image(image)}, step=step)

    def flush(self) -> None:
        """It sends by itself."""

    def close(self) -> None:
        self._run.finish()


def sinks(cfg: CfgNode) -> list[SinkMaker]:
    """Those that a configuration asks for."""
    made: list[SinkMaker] = [TensorBoard]
    if cfg.TRAIN.WANDB:
        made.append(functools.partial(WandB, project=cfg.TRAIN.WANDB, settings=to_plain(cfg)))
    return made
