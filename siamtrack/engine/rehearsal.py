"""A dress rehearsal: one full-size step of every phase before the first epoch, and everything put back afterwards.

A phase that begins in epoch ten with more to learn needs more memory than the first; so that it does not come up short
after ten epochs, it is tried at once.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from yacs.config import CfgNode

from siamtrack.config import ConfigError
from siamtrack.engine.learner import Learner
from siamtrack.engine.report import StepReport
from siamtrack.engine.step import add_gradients
from siamtrack.engine.task import Shard, Task

GIB = 2**30


class MemoryShort(ConfigError):
    """A phase does not fit into memory; the message says which, and what would make it fit."""


def rehearse(
    train: CfgNode, task: Task, learner: Learner, shard: Shard, position: tuple[int, int], say: Callable[[str], None]
) -> None:
    """Try a step of the present phase and of every later one; weights, state and random numbers stay as they are.

    Args:
        train: the ``TRAIN`` section.
        position: finished epochs and steps of the run, whose next micro-batch is tried.
        say: takes a line for every phase: time, and the most memory on CUDA.

    Raises:
        MemoryShort: a phase needs more than there is.
    """
    epoch, step = position
    device = learner.processes.device
    with _undisturbed(learner):
        source = iter(task.batches(epoch, step, shard))
        micro_batches = (task.prepare(raw, device) for raw in itertools.repeat(next(source)))
        for index, phase in enumerate(learner.phases):
            over = index + 1 < len(learner.phases) and learner.phases[index + 1].start <= epoch
            if over or phase.start >= train.EPOCHS:
                continue
            name = f"phase {index + 1} (from epoch {phase.start + 1})"
            try:
                seconds = _try(train, task, learner, shard, max(epoch, phase.start), micro_batches)
            except RuntimeError as error:
                if not _is_shortage(error):
                    raise
                raise MemoryShort(_proposal(name, train, shard, device)) from error
            say(f"rehearsal of {name}: a step fits, {seconds:.2f} s{_memory(device)}")


def _try(train: CfgNode, task: Task, learner: Learner, shard: Shard, epoch: int, micro_batches: Iterator[Any]) -> float:
    """One step; seconds."""
    cuda = learner.processes.device.type == "cuda"
    learner.enter(epoch)
    if cuda:
        torch.cuda.reset_peak_memory_stats(learner.processes.device)
    began = time.perf_counter()
    learner.begin_step(epoch, 0.0)
    report = StepReport(1, train.SKIP_ABOVE)
    # in the second pass of a step there are gradients beside the activations: more passes need no more
    add_gradients(task, learner, micro_batches, min(shard.accumulation, 2), report)
    learner.finish_step(report.agree(learner.processes))
    if cuda:
        torch.cuda.synchronize(learner.processes.device)
    return time.perf_counter() - began


@contextlib.contextmanager
def _undisturbed(learner: Learner) -> Iterator[None]:
    """Put everything back that a step changes, but for what an error ends anyway."""
    average, learner.average = learner.average, None
    tensors = [*learner.model.parameters(), *learner.model.buffers()]
    weights = [tensor.detach().cpu().clone() for tensor in tensors]
    state = copy.deepcopy(learner.state_dict())
    numbers = random.getstate(), np.random.get_state(), torch.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    yield
    with torch.no_grad():
        for tensor, before in zip(tensors, weights, strict=True):
            tensor.copy_(before)
    learner.load_state_dict(state)
    learner.average = average
    random.setstate(numbers[0])
    np.random.set_state(numbers[1])
    torch.set_rng_state(numbers[2])
    if devices:
        torch.cuda.set_rng_state_all(devices)


def _is_shortage(error: BaseException) -> bool:
    """Out of memory: CUDA has a type for it, the CPU's allocator only words."""
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in said or "can't allocate memory" in said


def _memory(device: torch.device) -> str:
    if device.type != "cuda":
        return ""
    most, total = torch.cuda.max_memory_allocated(device), torch.cuda.get_device_properties(device).total_memory
    return f", at most {most / GIB:.1f} of {total / GIB:.1f} GiB on {device}"


def _proposal(name: str, train: CfgNode, shard: Shard, device: torch.device) -> str:
    here = shard.batch // shard.world
    smaller = max((d for d in range(1, shard.device_batch // 2 + 1) if here % d == 0), default=0)
    ways = []
    if smaller:
        passes = here // smaller
        ways.append(
            f"TRAIN.DEVICE_BATCH {smaller} (a step is then {passes} passes; batch and learning rate stay what they are)"
        )
    if train.PRECISION == "fp32":
        ways.append("TRAIN.PRECISION bf16")
    if not train.CHECKPOINTING:
        ways.append("TRAIN.CHECKPOINTING \"['backbone.layer?.*']\" (or other modules whose activations are many)")
    ways.append("more processes")
    return (
        f"{name} does not fit into the memory of {device}: {shard.device_batch} samples a pass are too many"
        f"{_memory(device)}. Nothing has been trained yet. Try {'; or '.join(ways)}."
    )
