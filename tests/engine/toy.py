"""A task small enough to train in a blink: a convolution, batch norm, dropout, and samples made from their position.

Also a program, so that tests can start, kill and resume it as a process of its own:
``python -m tests.engine.toy OUTPUT [--resume] [KEY VALUE ...]``.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from siamtrack import config
from siamtrack.engine.seeding import seed_all
from siamtrack.engine.task import Shard, tasks
from siamtrack.engine.train import train

SETTINGS = (
    *("TASK.NAME", "toy", "TRAIN.EPOCHS", "2", "TRAIN.BATCH", "8", "TRAIN.LOG_EVERY", "2"),
    *("TRAIN.OPTIMIZER.LR", "0.05", "TRAIN.OPTIMIZER.MOMENTUM", "0.9"),
)


class ToyNet(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU())
        self.neck = nn.Sequential(nn.Conv2d(6, 4, 1), nn.BatchNorm2d(4), nn.Dropout(dropout))
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.neck(self.backbone(x)).mean((2, 3)))


@tasks.register("toy")
class ToyTask:
    """Two losses of a toy network on noise.

    Args:
        steps: in an epoch.
        dropout, noise: randomness in the model, and in ``prepare``.
        poison: steps of the run (0-based) in which a sample of process ``poison_rank`` is spoilt.
        poison_value: what the spoilt sample holds.
    """

    def __init__(
        self,
        cfg: Any,
        *,
        steps: int = 6,
        dropout: float = 0.1,
        noise: float = 0.1,
        poison: tuple[int, ...] = (),
        poison_rank: int = 0,
        poison_value: float = float("nan"),
    ) -> None:
        seed_all(cfg.SEED)
        self.model = ToyNet(dropout)
        self.steps_per_epoch = steps
        self.noise, self.poison, self.poison_rank, self.poison_value = noise, poison, poison_rank, poison_value
        self.seen: list[tuple[int, int]] = []

    def batches(self, epoch: int, first_step: int, shard: Shard) -> Iterator[Any]:
        for step in range(first_step, self.steps_per_epoch):
            for samples in shard.samples(step):
                self.seen += [(epoch, i) for i in samples]
                x = torch.stack([draw(epoch, i) for i in samples])
                y = x[:, :2].mean((2, 3)) * 10
                if epoch * self.steps_per_epoch + step in self.poison and shard.rank == self.poison_rank:
                    y[0, 1] = self.poison_value
                yield {"x": x, "y": y}

    def prepare(self, raw: Any, device: torch.device) -> Any:
        batch = {name: tensor.to(device) for name, tensor in raw.items()}
        batch["x"] = batch["x"] + self.noise * torch.randn_like(batch["x"])
        return batch

    def losses(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        error = model(batch["x"]).float() - batch["y"]
        return {"first": error[:, 0].square().mean(), "second": 0.5 * error[:, 1].abs().mean()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        assert not model.training
        return {"output": float(model(torch.ones(1, 3, 5, 5)).sum())}


def draw(epoch: int, index: int) -> Tensor:
    return torch.randn(3, 5, 5, generator=torch.Generator().manual_seed(1000 * epoch + index))


def settings(*overrides: Any) -> Any:
    return config.load(overrides=[*SETTINGS, *(str(item) for item in overrides)])


def toy(cfg: Any) -> ToyTask:
    return tasks.build(cfg.TASK, cfg=cfg)


def run(output: Any, *overrides: Any, resume: bool = False) -> ToyTask:
    cfg = settings(*overrides)
    task = toy(cfg)
    train(cfg, task, output, resume=resume, device="cpu")
    return task


def die_at(moment: str) -> None:
    """Kill this process, as kill -9 does, at the n-th call of a function: ``os.replace:3``, ``os.replace:3:after``."""
    name, count, *after = moment.split(":")
    original, calls = getattr(os, name.removeprefix("os.")), 0

    def deadly(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == int(count) and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if calls == int(count):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(os, name.removeprefix("os."), deadly)


def fail_on(rank: str, step: int = 1) -> None:
    """Break a step (0-based) of the first epoch in one process, or in ``all`` of them."""

    def prepare(self: ToyTask, raw: Any, device: torch.device) -> Any:
        if rank in ("all", os.environ.get("RANK")) and (0, 8 * step) <= max(self.seen):
            raise RuntimeError(f"the toy breaks on process {rank}")
        return original(self, raw, device)

    original = ToyTask.prepare
    ToyTask.prepare = prepare  # type: ignore[method-assign]


if __name__ == "__main__":
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO)
    arguments = [word for word in sys.argv[2:] if word != "--resume"]
    if "TOY_FAILS_ON" in os.environ:
        fail_on(os.environ["TOY_FAILS_ON"])
    if "TOY_DIE_AT" in os.environ:
        die_at(os.environ["TOY_DIE_AT"])
    if "TOY_DIE_ONCE_AT" in os.environ and os.environ.get("TORCHELASTIC_RESTART_COUNT") == "0":
        die_at(os.environ["TOY_DIE_ONCE_AT"])
    run(sys.argv[1], *arguments, resume="--resume" in sys.argv)
