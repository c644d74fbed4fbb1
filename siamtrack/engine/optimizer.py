"""Optimisers, their parameter groups, and a step that a flag on the device can call off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from siamtrack.engine.phases import Phase
from siamtrack.registry import Registry

optimizers: Registry[Optimizer] = Registry("optimizer", "TRAIN.OPTIMIZER")


@optimizers.register("sgd")
class SGD(torch.optim.SGD):
    """Stochastic gradient descent; weight decay acts on every learning parameter, as in pysot."""

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        *,
        lr: float = 0.005,
        momentum: float = 0.9,
        weight_decay: float = 1e-4,
        nesterov: bool = False,
    ) -> None:
        super().__init__(groups, lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov, fused=True)
        if momentum:
            # torch makes the buffers in the first step, uninitialised if that step is called off. From zero, the
            # first step is the same: 0 * momentum + gradient.
            for group in self.param_groups:
                for parameter in group["params"]:
                    self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


@optimizers.register("adamw")
class AdamW(torch.optim.AdamW):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        *,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-4,
    ) -> None:
        super().__init__(groups, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=True)


def parameter_groups(model: nn.Module, phase: Phase) -> list[dict[str, Any]]:
    """The learning parameters of a phase, one group for each part of the model and factor.

    Parts are the modules at the first level where the model branches (backbone, neck, head). Each group holds
    ``params`` as (name, parameter) pairs, its ``part`` and ``name``, and ``factor`` on the learning rate.
    """
    learning = [(name, p) for name, p in model.named_parameters() if phase.learns(name)]
    depth = _branching_depth([name for name, _ in model.named_parameters()])
    groups: dict[tuple[str, float], dict[str, Any]] = {}
    for name, parameter in learning:
        part, factor = name.split(".")[depth], phase.rate(name)
        group = groups.setdefault((part, factor), {"params": [], "part": part, "name": part, "factor": factor})
        group["params"].append((name, parameter))
    parts = [part for part, _ in groups]
    for (part, factor), group in groups.items():
        if parts.count(part) > 1:
            group["name"] = f"{part} x{factor:g}"
    return list(groups.values())


def set_rate(optimizer: Optimizer, factor: float) -> dict[str, float]:
    """Give each group base rate x its own factor x ``factor``; returns the rates by group name."""
    for group in optimizer.param_groups:
        group["lr"] = optimizer.defaults["lr"] * group["factor"] * factor
    return {group["name"]: group["lr"] for group in optimizer.param_groups}


def carry_over(old: Optimizer, new: Optimizer) -> None:
    """Hand the state (momentum, step counts) of the parameters that both know to the new optimiser."""
    for group in new.param_groups:
        for parameter in group["params"]:
            if parameter in old.state:
                new.state[parameter] = old.state[parameter]


def guarded_step(optimizer: Optimizer, scaler: torch.amp.GradScaler, skip: Tensor) -> None:
    """One optimiser step, called off where the scalar float tensor ``skip`` is 1, without asking the host.

    Fused optimisers look at the flag on the device and leave parameters, momentum and step counts untouched. Others
    (from plug-ins) are called off on the host, which waits for the device. Under fp16 the scaler has seen a called-off
    step by its gradients.
    """
    if scaler.is_enabled():
        scaler.step(optimizer)
        scaler.update()
    elif getattr(optimizer, "_step_supports_amp_scaling", False):
        optimizer.grad_scale, optimizer.found_inf = None, skip  # type: ignore[attr-defined]
        optimizer.step()
        del optimizer.grad_scale, optimizer.found_inf  # type: ignore[attr-defined]
    elif not skip.item():
        optimizer.step()


def _branching_depth(names: list[str]) -> int:
    paths = [name.split(".") for name in names]
    deepest = min(len(path) for path in paths) - 1
    return next((depth for depth in range(deepest) if len({path[depth] for path in paths}) > 1), deepest)
