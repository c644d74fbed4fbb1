"""What is compared: axes of edits to a configuration, and the variants that are their product."""

from __future__ import annotations

import itertools
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from siamtrack.config import ConfigError

FILE = "cfg"  # in place of a key: the value is a configuration file, which takes the place of the base


@dataclass(frozen=True)
class Edit:
    """One value of an axis.

    Attributes:
        value: what names it.
        overrides: ``KEY, VALUE, KEY, VALUE, ...``.
        cfg: a configuration file in place of the base, or ``""``.
    """

    value: str
    overrides: tuple[str, ...] = ()
    cfg: str = ""


@dataclass(frozen=True)
class Axis:
    """Alternatives.

    Attributes:
        key: dotted key that the edits set; ``""`` where their values say enough by themselves.
        edits: at least one, of different values.
    """

    key: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Variant:
    """A row of the table.

    Attributes:
        name: as the table shows it: ``correlation=pixelwise, batch=16``.
        folder: the same as a folder's name, unique in its grid without regard to case.
        cfg: its configuration file.
        overrides: ``KEY, VALUE, KEY, VALUE, ...``, applied to the file in this order.
    """

    name: str
    folder: str
    cfg: str
    overrides: tuple[str, ...]


def parse_axis(text: str) -> Axis:
    """``KEY=value,value,...``, or ``cfg=file.yaml,file.yaml,...``. Commas inside brackets belong to a value.

    Raises:
        ConfigError: no key, no value, or a value twice.
    """
    key, equals, rest = (part.strip() for part in text.partition("="))
    values = _split(rest)
    if not equals or not key or not all(values):
        raise ConfigError(f"--axis {text!r}: should be KEY=value,value,..., such as TRAIN.BATCH=16,32.")
    _refuse_twice(values, f"--axis {text!r}")
    if key == FILE:
        names = [_file_name(value) for value in values]
        if len(set(names)) < len(names):
            names = values
        return Axis("", tuple(Edit(name, cfg=value) for name, value in zip(names, values, strict=True)))
    return Axis(key, tuple(Edit(value, (key, value)) for value in values))


def parse_variants(texts: Sequence[str]) -> Axis:
    """One axis of compound edits, each ``name: KEY VALUE KEY VALUE ...``; without pairs it is the base itself.

    Words are split as in a shell, so a value with spaces stands in quotes; ``cfg FILE`` replaces the base.

    Raises:
        ConfigError: no name, a name twice, or a key without a value.
    """
    edits = []
    for text in texts:
        name, colon, rest = (part.strip() for part in text.partition(":"))
        words = shlex.split(rest)
        if not colon or not name or len(words) % 2:
            raise ConfigError(
                f"--variant {text!r}: should be a name, a colon and KEY VALUE pairs, such as "
                "'pixelwise: MODEL.CORRELATION.NAME pixelwise TRAIN.BATCH 16'."
            )
        pairs = list(zip(words[::2], words[1::2], strict=True))
        files = [value for key, value in pairs if key == FILE]
        if len(files) > 1:
            raise ConfigError(f"--variant {text!r}: names {len(files)} configuration files; one can be the base.")
        overrides = tuple(word for pair in pairs if pair[0] != FILE for word in pair)
        edits.append(Edit(name, overrides, *files))
    _refuse_twice([edit.value for edit in edits], "--variant")
    return Axis("", tuple(edits))


def grid(cfg: str, axes: Sequence[Axis], overrides: Sequence[str] = ()) -> list[Variant]:
    """The product of the axes, the last one changing fastest; the first variant is what others are compared with.

    Args:
        cfg: the base configuration file.
        axes: without any, the base is the only variant.
        overrides: ``KEY VALUE`` pairs for all of them, which the axes' edits may change again.

    Raises:
        ConfigError: two axes of one key, or two that both name files.
    """
    keys = [axis.key for axis in axes if axis.key]
    _refuse_twice(keys, "--axis")
    if sum(any(edit.cfg for edit in axis.edits) for axis in axes) > 1:
        raise ConfigError("--axis, --variant: two of them name configuration files, but a variant has one base.")
    labels = _labels(keys)
    made: list[Variant] = []
    taken: set[str] = set()
    for edits in itertools.product(*(axis.edits for axis in axes)):
        words = [
            f"{labels[axis.key]}={edit.value}" if axis.key else edit.value
            for axis, edit in zip(axes, edits, strict=True)
        ]
        base = next((edit.cfg for edit in edits if edit.cfg), cfg)
        name = ", ".join(words) or _file_name(base)
        edited = itertools.chain.from_iterable(edit.overrides for edit in edits)
        made.append(Variant(name, _folder(name, taken), base, (*overrides, *edited)))
    return made


def _labels(keys: Sequence[str]) -> dict[str, str]:
    """Short names of keys: their last part, a part's name for its ``NAME``, and as much more as tells them apart."""
    parts = {key: [part.lower() for part in key.removesuffix(".NAME").split(".")] for key in keys}
    labels = {}
    for key, own in parts.items():
        others = [other for name, other in parts.items() if name != key]
        length = next((n for n in range(1, len(own) + 1) if all(other[-n:] != own[-n:] for other in others)), len(own))
        labels[key] = ".".join(own[-length:])
    twice = [label for label, count in Counter(labels.values()).items() if count > 1]
    return {key: key.lower() if label in twice else label for key, label in labels.items()}


def _folder(name: str, taken: set[str]) -> str:
    """A name as a folder's; what is taken already gets a number."""
    slug = re.sub(r"[^A-Za-z0-9.+_]+", "-", name.replace(", ", "_")).strip("-.") or "variant"
    folder, number = slug, 1
    while folder.lower() in taken:
        number += 1
        folder = f"{slug}-{number}"
    taken.add(folder.lower())
    return folder


def _file_name(cfg: str) -> str:
    """``configs/siamban/r50.yaml`` -> ``siamban-r50``."""
    path = Path(cfg)
    return "-".join(part for part in (path.parent.name, path.stem) if part not in ("", "configs"))


def _split(text: str) -> list[str]:
    """At commas outside brackets, without the spaces around."""
    values, depth = [""], 0
    for letter in text:
        depth += (letter in "[({") - (letter in "])}")
        if letter == "," and depth == 0:
            values.append("")
        else:
            values[-1] += letter
    return [value.strip() for value in values]


def _refuse_twice(values: Sequence[str], where: str) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ConfigError(f"{where}: {twice[0]!r} stands there twice; give each once.")
