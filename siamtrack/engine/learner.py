"""The side of training that changes numbers: phase, gradient, clipping, optimiser and learning rate.

One object holds what must agree with each other, and is rebuilt as a whole when a phase begins: which parameters
learn, the wrapped model that synchronises exactly those, and the optimiser that moves exactly those.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_
from yacs.config import CfgNode

from siamtrack.config import ConfigError
from siamtrack.engine.average import Average
from siamtrack.engine.distributed import Processes
from siamtrack.engine.optimizer import carry_over, guarded_step, optimizers, parameter_groups, set_rate
from siamtrack.engine.phases import phase_at, read_phases
from siamtrack.engine.schedule import schedules
from siamtrack.engine.task import Shard
from siamtrack.models.folding import fold, unfold

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Learner:
    """Turns losses into steps.

    The gradient of a step is ``factor`` x the mean over all its micro-batches: factor 1 for
    ``GRADIENT_REDUCTION: mean``, BATCH / REPLICA_BATCH for ``sum`` (pysot adds up the gradients of GPUs with
    REPLICA_BATCH pairs each). Clipping sees that gradient, over all learning parameters together.

    Args:
        train: the ``TRAIN`` section.
        model: on its device.

    Attributes:
        average: the moving average of the weights, in the main process, if there is one.

    Raises:
        ConfigError: a value that does not fit; a phase's pattern that nothing in the model fits.
    """

    def __init__(self, train: CfgNode, model: nn.Module, processes: Processes, shard: Shard) -> None:
        self.model = model
        self.processes = processes
        self.accumulation = shard.accumulation
        self.factor = _gradient_factor(train)
        self.clip = _clip(train.CLIP)
        self.dtype = _precision(train.PRECISION)
        self.scaler = torch.amp.GradScaler(processes.device.type, enabled=self.dtype is torch.float16)
        self.phases = read_phases(train.PHASES, model)
        self.schedule = schedules.build(train.SCHEDULE, epochs=train.EPOCHS)
        self._optimizer_section = train.OPTIMIZER
        self._folds = train.FOLD_FROZEN
        self.average = Average(model, _decay(train.EMA)) if train.EMA and processes.main else None
        self._begin(0)

    def enter(self, epoch: int) -> None:
        """Make ready for an epoch: begin a phase if one is due, and put every module into its mode."""
        index = phase_at(self.phases, epoch)
        if index != self.phase:
            self._begin(index, old=None if self.phases[index].fresh_optimizer else self.optimizer)
        else:
            self.phases[index].apply(self.model)

    def begin_step(self, epoch: int, within: float) -> dict[str, float]:
        """Set the learning rates for ``within`` in [0, 1) of an epoch; returns them by group.

        Also notes the running statistics, to be put back if the step is called off.
        """
        self._statistics = [torch.cat([b.reshape(-1) for b in same]) for same in self._buffers]
        return set_rate(self.optimizer, self.schedule.factor(epoch, within))

    def autocast(self) -> torch.autocast:
        """The precision of forward passes and losses."""
        return torch.autocast(self.processes.device.type, self.dtype, enabled=self.dtype is not torch.float32)

    def synchronised(self, last: bool) -> contextlib.AbstractContextManager[Any]:
        """Around forward and backward of a micro-batch: only the last one of a step exchanges gradients."""
        if last or self.processes.world == 1:
            return contextlib.nullcontext()
        return self.wrapped.no_sync()  # type: ignore[no-any-return, operator]

    def backward(self, loss: Tensor) -> None:
        """Add a micro-batch's part of the gradient."""
        self.scaler.scale(loss * (self.factor / self.accumulation)).backward()

    def finish_step(self, faults: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Clip and step, unless ``faults`` (scalar, agreed by all) is above 0 or the gradient is not finite.

        A step called off leaves parameters, optimiser and running statistics exactly as they were.

        Returns:
            ``[1 + groups]`` gradient norms before clipping, of all and of each group of :attr:`groups`; 1 if the step
            was called off; 1 if the gradient is to blame: scalars on the device. An overflow by which fp16 still finds
            its scale calls the step off without blame.
        """
        fp16 = self.scaler.is_enabled()
        if fp16:
            self._tell_scaler(faults)
            self.scaler.unscale_(self.optimizer)
        norms = self._gradient_norms()
        clip_grads_with_norm_(self.learning, self.clip, norms[0])
        infinite = ~norms[0].isfinite()
        skip = ((faults > 0) | infinite).float()
        blame = infinite & (self.scaler.scale(torch.ones_like(skip)) <= 1) if fp16 else infinite
        guarded_step(self.optimizer, self.scaler, skip)
        self.optimizer.zero_grad(set_to_none=True)
        self._restore_statistics(skip > 0)
        if self.average is not None:
            self.average.update(skip)
        return norms, skip, blame

    @property
    def groups(self) -> list[str]:
        """Names of the parameter groups."""
        return [group["name"] for group in self.optimizer.param_groups]

    def weights(self) -> dict[str, Tensor]:
        """What is worth keeping: the averaged weights if there is an average, else the model's own."""
        return self.model.state_dict() if self.average is None else self.average.weights()

    def at_its_best(self) -> contextlib.AbstractContextManager[None]:
        """The model with the weights that :meth:`weights` gives."""
        return contextlib.nullcontext() if self.average is None else self.average.in_place()

    def state_dict(self) -> dict[str, Any]:
        state = {"phase": self.phase, "optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}
        return state if self.average is None else {**state, "average": self.average.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """To be called with the weights that :meth:`weights` gave in the model."""
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self._begin(state["phase"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])

    def _begin(self, index: int, old: torch.optim.Optimizer | None = None) -> None:
        self.phase = index
        phase = self.phases[index]
        unfold(self.model)
        phase.apply(self.model)
        self.wrapped: nn.Module = self.model
        gc.collect()  # an old wrapper still alive would exchange gradients a second time
        self.wrapped = self.processes.wrap(self.model)
        if self._folds:
            fold(self.model)  # now every process has the main one's weights
        groups = parameter_groups(self.model, phase)
        self.optimizer = optimizers.build(self._optimizer_section, groups=groups)
        if old is not None:
            carry_over(old, self.optimizer)
        self.learning = [p for group in self.optimizer.param_groups for p in group["params"]]
        self._buffers = _buffers_in_training(self.model)

    def _gradient_norms(self) -> Tensor:
        """``[1 + groups]``: over all learning parameters, then over each group."""
        groups = [[p.grad for p in group["params"] if p.grad is not None] for group in self.optimizer.param_groups]
        norms = torch.stack(torch._foreach_norm([grad for group in groups for grad in group]))
        each = [torch.linalg.vector_norm(part) for part in norms.split([len(group) for group in groups])]
        return torch.stack([torch.linalg.vector_norm(norms), *each])

    def _tell_scaler(self, faults: Tensor) -> None:
        """The scaler calls a step off by its gradients alone, so a fault must show in one."""
        gradient = next(p.grad for p in self.learning if p.grad is not None)
        gradient.mul_(torch.where(faults > 0, torch.nan, 1.0))

    def _restore_statistics(self, skipped: Tensor) -> None:
        for same, before in zip(self._buffers, self._statistics, strict=True):
            now = torch.cat([b.reshape(-1) for b in same])
            kept = torch.where(skipped, before, now).split([b.numel() for b in same])
            torch._foreach_copy_(same, [part.view_as(b) for part, b in zip(kept, same, strict=True)])


def _buffers_in_training(model: nn.Module) -> list[list[Tensor]]:
    """Buffers that a forward pass may change (those of modules in training mode), by type."""
    by_type: dict[torch.dtype, dict[int, Tensor]] = {}
    for module in model.modules():
        if module.training:
            for buffer in module.buffers(recurse=False):
                by_type.setdefault(buffer.dtype, {})[id(buffer)] = buffer
    return [list(same.values()) for same in by_type.values()]


def _gradient_factor(train: CfgNode) -> float:
    if train.GRADIENT_REDUCTION == "mean":
        return 1.0
    if train.GRADIENT_REDUCTION == "sum" and train.REPLICA_BATCH > 0:
        return float(train.BATCH / train.REPLICA_BATCH)
    raise ConfigError(
        f"TRAIN.GRADIENT_REDUCTION is {train.GRADIENT_REDUCTION!r} with REPLICA_BATCH {train.REPLICA_BATCH}; it should "
        "be mean, or sum with a REPLICA_BATCH of at least 1."
    )


def _clip(value: float) -> float:
    if value >= 0:
        return float(value) or float("inf")
    raise ConfigError(f"TRAIN.CLIP is {value:g}; it is the largest gradient norm, and 0 for no clipping.")


def _decay(value: float) -> float:
    if 0 <= value < 1:
        return float(value)
    raise ConfigError(f"TRAIN.EMA is {value:g}; it is a decay from 0 (no average) to below 1, usually 0.999 or more.")


def _precision(name: str) -> torch.dtype:
    if name not in PRECISIONS:
        raise ConfigError(f"TRAIN.PRECISION is {name!r}; it should be one of {', '.join(PRECISIONS)}.")
    return PRECISIONS[name]
