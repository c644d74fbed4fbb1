"""Gradient checkpointing: activations of chosen modules are computed again in the backward pass instead of kept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from siamtrack.config import ConfigError


def checkpoint_modules(model: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Make the modules that a pattern fits forget their activations; returns their names.

    Of nested ones the outermost counts. Numbers are those of a run without it: what was drawn is drawn again, and batch
    norms count a pass once.

    Args:
        patterns: shell patterns on dotted names, such as ``backbone.layer[234].*`` (each block of three stages).

    Raises:
        ConfigError: a pattern fits no module.
    """
    names = [name for name, _ in model.named_modules() if name]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            roots = ", ".join(sorted({name.split(".")[0] for name in names}))
            raise ConfigError(
                f"TRAIN.CHECKPOINTING: no module fits the pattern {pattern!r}; it names modules whose activations are "
                f"to be computed twice, such as 'backbone.layer?.*'. At the top there are: {roots}."
            )
    chosen: list[str] = []
    for name in names:  # parents come before their children
        inside = any(name.startswith(f"{outer}.") for outer in chosen)
        if not inside and any(fnmatchcase(name, pattern) for pattern in patterns):
            chosen.append(name)
    for name in chosen:
        _checkpoint(model.get_submodule(name))
    return chosen


def _checkpoint(module: nn.Module) -> None:
    plain: Callable[..., Any] = module.forward

    @contextlib.contextmanager
    def second_pass() -> Iterator[None]:
        """Whatever a pass counts, it counts on copies."""
        before = [(child, dict(child._buffers)) for child in module.modules() if child.training and child._buffers]
        for child, buffers in before:
            child._buffers.update({name: None if b is None else b.clone() for name, b in buffers.items()})
        try:
            yield
        finally:
            for child, buffers in before:
                child._buffers.update(buffers)

    def forward(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():  # nothing is kept
            return plain(*args, **kwargs)
        if torch.compiler.is_compiling():  # a compiled second pass counts nothing, and takes no context
            return checkpoint(plain, *args, use_reentrant=False, **kwargs)
        contexts = (contextlib.nullcontext(), second_pass())
        return checkpoint(plain, *args, use_reentrant=False, context_fn=lambda: contexts, **kwargs)

    module.forward = forward  # type: ignore[method-assign]
