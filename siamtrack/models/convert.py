"""Official checkpoints to ours, strictly: every key of theirs used or ignored for a reason, every key of ours filled.

A system is a table of rules from the official names of its tensors to ours; supporting another one is another table in
``siamtrack.models.official``. Which table a file belongs to shows in which one maps it without a remainder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from siamtrack.config import dump
from siamtrack.models.build import build_network
from siamtrack.models.official import SYSTEMS, System
from siamtrack.models.weights import FilePath, WeightsError, read_checkpoint, save_weights, state_of


@dataclass(frozen=True)
class Row:
    """One tensor's way; ``official`` or ``ours`` is "" where the other side has no such tensor."""

    what: Literal["kept", "renamed", "ignored", "set to 0", "unknown", "missing", "misshapen", "claimed twice"]
    official: str
    ours: str
    note: str = ""


PROBLEMS = ("unknown", "missing", "misshapen", "claimed twice")


@dataclass(frozen=True, eq=False)
class Conversion:
    """An official checkpoint under our names, and the way of every tensor; ``str`` of it is the whole table.

    Attributes:
        system: whose rules were used.
        state: our state dict; complete if :attr:`problems` is empty.
        rows: one for each official tensor, then one for each of ours that no official one fills.
    """

    system: str
    state: dict[str, Tensor]
    rows: tuple[Row, ...]

    @property
    def problems(self) -> tuple[Row, ...]:
        """The rows that make the conversion unusable."""
        return tuple(row for row in self.rows if row.what in PROBLEMS)

    def counts(self) -> dict[str, int]:
        """How many tensors went which way."""
        whats = [row.what for row in self.rows]
        return {what: whats.count(what) for what in dict.fromkeys(whats)}

    def summary(self) -> str:
        """One line: ``siamban: 459 official tensors: 318 kept, 141 renamed``."""
        official = sum(1 for row in self.rows if row.official)
        counts = ", ".join(f"{count} {what}" for what, count in self.counts().items())
        return f"{self.system}: {official} official tensors: {counts}"

    def __str__(self) -> str:
        what = max((len(row.what) for row in self.rows), default=0)
        official = max((len(row.official) for row in self.rows), default=0)
        lines = [f"{r.what:{what}}  {r.official:{official}}  {r.ours}  {r.note}".rstrip() for r in self.rows]
        return "\n".join([*lines, self.summary()])


def map_state(official: Mapping[str, Tensor], own: Mapping[str, Tensor], system: str) -> Conversion:
    """Rename an official state dict by one system's rules and hold it against ours.

    Args:
        official: the released state dict.
        own: a state dict of the network that is to be filled; its names and shapes count.
        system: a key of ``SYSTEMS``.
    """
    table = SYSTEMS[system]
    state: dict[str, Tensor] = {}
    rows = [_place(table, name, tensor, own, state) for name, tensor in official.items()]
    for name, like in own.items():
        if name in state:
            continue
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros_like(like)
            rows.append(Row("set to 0", "", name, "files of older PyTorch have no such counter"))
        elif not any(row.ours == name for row in rows):
            rows.append(Row("missing", "", name, f"{list(like.shape)}: nothing official fills it"))
    return Conversion(system, state, tuple(rows))


def _place(table: System, name: str, tensor: Tensor, own: Mapping[str, Tensor], state: dict[str, Tensor]) -> Row:
    """Put one official tensor where it belongs in ``state``, and say what was done."""
    reason = table.reason(name)
    if reason is not None:
        return Row("ignored", name, "", reason)
    ours = table.rename(name)
    if ours is None:
        return Row("unknown", name, "", "no rule knows it")
    if ours not in own:
        return Row("unknown", name, "", f"would be {ours}, which the configured network does not have")
    if ours in state:
        return Row("claimed twice", name, ours)
    if own[ours].shape != tensor.shape:
        return Row("misshapen", name, ours, f"{list(tensor.shape)}, but the network has {list(own[ours].shape)}")
    state[ours] = tensor
    return Row("kept" if ours == name else "renamed", name, ours, str(list(tensor.shape)))


def best_conversion(official: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Conversion:
    """The conversion by the system that leaves the fewest problems, and of several such the fewest rules idle."""
    return min(
        (map_state(official, own, system) for system in SYSTEMS),
        key=lambda c: (len(c.problems), SYSTEMS[c.system].idle(official)),
    )


def convert(path: FilePath, cfg: Any, output: FilePath) -> Conversion:
    """Make a checkpoint of ours from an official one.

    Args:
        path: the official file; read without running code that it may hold.
        cfg: the configuration of the network it belongs to; goes into the output.
        output: where to write; ``siamtrack.load_tracker`` needs nothing else.

    Raises:
        WeightsError: the file cannot be read, or does not fill the network to the last tensor; nothing is written.
        ConfigError: the configuration builds no network.
    """
    path = Path(path)
    checkpoint = read_checkpoint(path)
    network = build_network(cfg)
    conversion = best_conversion(state_of(checkpoint, path), network.state_dict())
    if conversion.problems:
        raise WeightsError(_refusal(path, conversion))
    network.load_state_dict(conversion.state, strict=True)
    meta = {
        "converted_from": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "system": conversion.system,
        "source": SYSTEMS[conversion.system].source,
    }
    epoch = checkpoint.get("epoch")
    if isinstance(epoch, int):
        meta["official_epoch"] = str(epoch)
    save_weights(output, network.state_dict(), dump(cfg), meta)
    return conversion


def _refusal(path: Path, conversion: Conversion) -> str:
    lines = [
        f"{path}: does not fill the network of this configuration ({conversion.summary()}). Is the configuration the "
        "one that the checkpoint was trained with? The first of what does not fit:"
    ]
    for what in PROBLEMS:
        rows = [row for row in conversion.problems if row.what == what]
        lines += [f"  {what}: {row.official or row.ours} ({row.note or row.ours})" for row in rows[:4]]
        if len(rows) > 4:
            lines.append(f"  {what}: and {len(rows) - 4} more")
    return "\n".join(lines)
