"""What the training loop asks of a task, and which samples of a step a process takes.

The loop knows nothing of tracking: it asks a task for a model, for micro-batches and for named losses. The built-in
task is ``tracking``; a plug-in registers another::

    @tasks.register("flow")
    class FlowTask:
        def __init__(self, cfg: CfgNode, *, levels: int = 4) -> None: ...   # options from the TASK section

    seed_all(cfg.SEED)  # the same initial weights every time and in every process
    train(cfg, tasks.build(cfg.TASK, cfg=cfg), output)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, device, nn

from siamtrack.config import ConfigError
from siamtrack.registry import Registry


@dataclass(frozen=True)
class Shard:
    """The share of every step that one process computes.

    An epoch is a row of samples; step s takes the ``batch`` samples from ``s * batch`` on, whatever the number of
    processes: total batch = ``device_batch`` x ``world`` x ``accumulation``.
    """

    rank: int
    world: int
    batch: int
    device_batch: int

    @classmethod
    def plan(cls, batch: int, device_batch: int, rank: int, world: int) -> Shard:
        """Split ``TRAIN.BATCH`` over ``world`` processes; ``device_batch`` 0: as large as possible.

        Raises:
            ConfigError: the batch does not divide; names the nearest numbers that do.
        """
        unit = (device_batch or 1) * world
        if batch < 1 or device_batch < 0 or batch % unit:
            near = sorted({max(unit, batch // unit * unit), (max(batch, 0) // unit + 1) * unit})
            parts = f"{world} processes" if world > 1 else "1 process"
            parts += f" of DEVICE_BATCH {device_batch}" if device_batch else ""
            raise ConfigError(
                f"TRAIN.BATCH {batch} cannot be split evenly over {parts}: it must be a multiple of {unit}. "
                f"Nearest: {' or '.join(map(str, near))}; or change TRAIN.DEVICE_BATCH or the number of processes."
            )
        return cls(rank, world, batch, device_batch or batch // world)

    @property
    def accumulation(self) -> int:
        """Micro-batches that one process computes in one step."""
        return self.batch // (self.device_batch * self.world)

    def samples(self, step: int) -> list[range]:
        """Positions in the epoch's row of samples: one range for each micro-batch of this process in ``step``."""
        size = self.device_batch
        starts = (step * self.batch + (part * self.world + self.rank) * size for part in range(self.accumulation))
        return [range(start, start + size) for start in starts]


@runtime_checkable
class Task(Protocol):
    """What is trained.

    Attributes:
        model: the network with its initial weights, on any device; the loop moves it. Its ``forward`` is what
            gradients are synchronised through.
        steps_per_epoch: optimiser steps of ``TRAIN.BATCH`` samples in one epoch.

    A task may also have

    - ``begin(output)``: called once by every process when the run's folder is there, for what the task leaves in it;
    - ``validate(model) -> {name: number}``: called after every ``TRAIN.VALIDATE_EVERY`` epochs by the main process
      alone, with the bare model in eval mode and without gradients;
    - ``pictures() -> {name: [H, W, 3] uint8 RGB}``: called after every ``TRAIN.PICTURE_EVERY`` steps by the main
      process alone, of the micro-batch whose ``losses`` it was asked for last.
    """

    model: nn.Module
    steps_per_epoch: int

    def batches(self, epoch: int, first_step: int, shard: Shard) -> Iterator[Any]:
        """Micro-batches of ``shard.device_batch`` samples from ``first_step`` to the end of the epoch.

        ``shard.accumulation`` of them make a step. They must be a function of (epoch, step, shard) and the seed
        alone, and the samples of a step must be those of ``shard.samples(step)``: resuming rests on it.
        """
        ...

    def prepare(self, raw: Any, device: device) -> Any:
        """What ``batches`` gave, moved to the device and augmented there.

        Random numbers may be drawn from torch's default generators: the loop seeds them for every step and process.
        """
        ...

    def losses(self, model: nn.Module, batch: Any) -> Mapping[str, Tensor]:
        """Weighted loss terms, scalars on the device, means over the samples; their sum is the loss.

        ``model`` is ``self.model``, perhaps wrapped: only ``model(...)`` may be called. The names and their order
        are the same in every step.
        """
        ...


tasks: Registry[Any] = Registry("task", "TASK")
