"""Phases of training: what learns, how fast, and what stays in eval mode, from an epoch on.

``TRAIN.PHASES`` is a list of ``{FROM, LEARN, LR, EVAL, FRESH_OPTIMIZER}``; each entry stands for itself and inherits
nothing from the one before. Patterns are shell patterns (``fnmatch``: ``*``, ``?``, ``[234]``; ``*`` also crosses
dots) on dotted names, and a pattern that fits a module stands for everything in it: ``backbone`` is the whole
backbone, ``backbone.layer[234]`` three of its stages, ``*.bias`` every bias.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from siamtrack.config import ConfigError, to_plain
from siamtrack.registry import nearest


@dataclass(frozen=True)
class Phase:
    """One entry of ``TRAIN.PHASES``.

    Attributes:
        start: first epoch, 0-based (``FROM``).
        learn: patterns of the parameters that learn; all others get no gradient.
        rates: pattern to factor on the learning rate; where several fit, the last one counts (``LR``).
        eval: patterns of modules kept in eval mode (frozen batch norm, no dropout).
        fresh_optimizer: begin with a new optimiser, so that momentum starts from zero.
    """

    start: int = 0
    learn: tuple[str, ...] = ("*",)
    rates: tuple[tuple[str, float], ...] = ()
    eval: tuple[str, ...] = ()
    fresh_optimizer: bool = False

    def apply(self, model: nn.Module) -> None:
        """Put every parameter and module of the model into this phase; again after each ``model.train()``."""
        model.train()
        for name, module in model.named_modules():
            if name and _any_fits(self.eval, name):
                module.eval()
        for name, parameter in model.named_parameters():
            learns = self.learns(name)
            parameter.requires_grad_(learns)
            if not learns:
                parameter.grad = None  # a left-over zero gradient would still decay the weight

    def learns(self, name: str) -> bool:
        """Whether the parameter ``name`` learns."""
        return _any_fits(self.learn, name)

    def rate(self, name: str) -> float:
        """The factor on the learning rate of the parameter ``name``."""
        return next((factor for pattern, factor in reversed(self.rates) if fits(pattern, name)), 1.0)


def read_phases(entries: Sequence[Mapping[str, Any]], model: nn.Module) -> list[Phase]:
    """``TRAIN.PHASES`` as phases, held against the names of the model; no entries: everything learns.

    Raises:
        ConfigError: unknown key or wrong type, epochs that do not rise from 0, or a pattern that nothing fits.
    """
    phases = [_read(to_plain(entry), f"TRAIN.PHASES.{i}") for i, entry in enumerate(entries)] or [Phase()]
    starts = [phase.start for phase in phases]
    if starts[0] != 0 or any(b <= a for a, b in itertools.pairwise(starts)):
        raise ConfigError(f"TRAIN.PHASES: FROM is {starts}; the first phase begins at 0 and each later one after it.")
    parameters = [name for name, _ in model.named_parameters()]
    modules = [name for name, _ in model.named_modules() if name]
    for i, phase in enumerate(phases):
        where = f"TRAIN.PHASES.{i}"
        # a part may have no parameters (pixel-wise correlation, no enhancer): its name still is one
        _must_fit(phase.learn, parameters + modules, f"{where}.LEARN")
        _must_fit([pattern for pattern, _ in phase.rates], parameters, f"{where}.LR")
        _must_fit(phase.eval, modules, f"{where}.EVAL")
        if not any(_any_fits(phase.learn, name) for name in parameters):
            raise ConfigError(f"{where}.LEARN is empty: nothing would learn. Name at least one part, such as head.")
    return phases


def phase_at(phases: Sequence[Phase], epoch: int) -> int:
    """Index of the phase that ``epoch`` belongs to."""
    return max(i for i, phase in enumerate(phases) if phase.start <= epoch)


def fits(pattern: str, name: str) -> bool:
    """Whether the pattern fits the dotted name, or a module that holds it."""
    parts = name.split(".")
    return any(fnmatchcase(".".join(parts[:depth]), pattern) for depth in range(1, len(parts) + 1))


def _any_fits(patterns: Iterable[str], name: str) -> bool:
    return any(fits(pattern, name) for pattern in patterns)


_KEYS: dict[str, tuple[type, str]] = {
    "FROM": (int, "an epoch, counted from 0"),
    "LEARN": (list, "a list of patterns"),
    "LR": (dict, "{pattern: factor} pairs"),
    "EVAL": (list, "a list of patterns"),
    "FRESH_OPTIMIZER": (bool, "true or false"),
}


def _read(entry: Any, where: str) -> Phase:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where}: {entry!r} does not fit; a phase is {{{', '.join(_KEYS)}}}.")
    for key, value in entry.items():
        if key not in _KEYS:
            raise ConfigError(f"{where}: a phase has no key {key}{nearest(str(key), _KEYS)}")
        kind, wanted = _KEYS[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ConfigError(f"{where}.{key}: {value!r} does not fit; it should be {wanted}.")
    for pattern, factor in entry.get("LR", {}).items():
        if not isinstance(factor, (int, float)) or factor <= 0:
            raise ConfigError(f"{where}.LR.{pattern}: {factor!r} does not fit; a factor is a number above 0.")
    return Phase(
        start=entry.get("FROM", 0),
        learn=tuple(entry.get("LEARN", ["*"])),
        rates=tuple((pattern, float(factor)) for pattern, factor in entry.get("LR", {}).items()),
        eval=tuple(entry.get("EVAL", [])),
        fresh_optimizer=entry.get("FRESH_OPTIMIZER", False),
    )


def _must_fit(patterns: Iterable[str], names: Sequence[str], where: str) -> None:
    prefixes = {name.rsplit(".", depth)[0] for name in names for depth in range(name.count(".") + 1)}
    for pattern in patterns:
        if not any(fits(pattern, name) for name in names):
            near = difflib.get_close_matches(pattern, prefixes, n=3, cutoff=0.4)
            roots = sorted({name.split(".")[0] for name in names})
            hint = f"Near it: {', '.join(near)}." if near else f"At the top there are: {', '.join(roots)}."
            raise ConfigError(f"{where}: nothing in the model fits the pattern {pattern!r}. {hint}")
