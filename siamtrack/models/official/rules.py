"""How one code base's tensor names become ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# the originals number the layers of a Sequential, ours have names
LAYERS = {"0": "conv", "1": "bn", "3": "out"}


@dataclass(frozen=True)
class Rule:
    """How one kind of tensor is called here.

    Attributes:
        official: regular expression for the whole official name. Its named groups go into ``ours``; ``level`` is
            counted from 0 first, ``layer`` becomes the layer's name.
        ours: our name, a format string.
    """

    official: str
    ours: str


@dataclass(frozen=True)
class System:
    """The names of one tracker's released checkpoints.

    Attributes:
        source: the repository whose names these are.
        rules: the first that fits an official name decides.
        ignored: regular expressions of official names that we have no use for, each with the reason.
        first_level: the number its first level has in official names.
    """

    source: str
    rules: tuple[Rule, ...]
    ignored: Mapping[str, str] = field(default_factory=dict)
    first_level: int = 0

    def rename(self, official: str) -> str | None:
        """Our name of an official tensor, or ``None`` where no rule fits."""
        for rule in self.rules:
            match = re.fullmatch(rule.official, official)
            if match:
                parts = match.groupdict()
                if "level" in parts:
                    parts["level"] = str(int(parts["level"]) - self.first_level)
                if "layer" in parts:
                    parts["layer"] = LAYERS[parts["layer"]]
                return rule.ours.format(**parts)
        return None

    def idle(self, official: Iterable[str]) -> int:
        """How many of the rules fit none of these names: many, if they are another system's."""
        names = list(official)
        return sum(1 for rule in self.rules if not any(re.fullmatch(rule.official, name) for name in names))

    def reason(self, official: str) -> str | None:
        """Why an official tensor is not used, or ``None`` where nothing says so."""
        return next((why for pattern, why in self.ignored.items() if re.fullmatch(pattern, official)), None)
