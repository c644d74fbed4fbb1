"""Weights in files: ours with their configuration, other people's without trusting them.

Our files are safetensors whose metadata hold ``config`` (the resolved configuration as YAML) and ``meta`` (JSON), so
that a tracker can be rebuilt from the file alone. Checkpoints of other code bases are pickles, which can run any code
when loaded: they are read with an allow-list of what tensors and numbers need, and refused if they hold anything else.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import pickletools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from siamtrack.files import replacing

FilePath = str | os.PathLike[str]


class WeightsError(ValueError):
    """A file of weights cannot be used; the message says which, why, and what would be right."""


# Our own files ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Weights:
    """What one of our files holds.

    Attributes:
        state: the network's state dict, on the CPU.
        config: the resolved configuration, YAML text (``siamtrack.config.loads`` reads it).
        meta: where the weights come from.
    """

    state: dict[str, Tensor]
    config: str
    meta: dict[str, Any]


def save_weights(path: FilePath, state: Mapping[str, Tensor], config: str, meta: Mapping[str, Any]) -> None:
    """Write one of our files: whole or not at all, also when the process is killed.

    Args:
        path: of the file (``.safetensors``); its folder is made if missing.
        state: a state dict; tensors on any device. One that stands under several names is stored once.
        config: the resolved configuration as YAML text.
        meta: anything JSON can hold.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors, aliases = _distinct(state)
    metadata = {"writer": "siamtrack", "config": config, "meta": json.dumps(dict(meta)), "aliases": json.dumps(aliases)}
    try:
        with replacing(path) as unfinished:
            save_file(tensors, unfinished, metadata)
    except SafetensorError as error:
        raise OSError(f"{path}: {error}") from error


def read_weights(path: FilePath) -> Weights:
    """Read one of our files; runs no code that may stand in it.

    Raises:
        WeightsError: no such file, a folder, a pickle, a damaged file, or one that siamtrack did not write.
    """
    path = _existing(path)
    state, metadata = _read_safetensors(path)
    if "config" not in metadata:
        raise WeightsError(
            f"{path}: holds tensors but no siamtrack configuration, so the tracker they belong to is not known. "
            "`siamtrack convert` makes a checkpoint from official weights and a configuration."
        )
    try:
        meta = json.loads(metadata.get("meta", "{}"))
        state.update({name: state[first] for name, first in json.loads(metadata.get("aliases", "{}")).items()})
    except (json.JSONDecodeError, KeyError) as error:
        raise WeightsError(f"{path}: its metadata are damaged ({error}).") from error
    return Weights(state, metadata["config"], meta)


def _distinct(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """CPU tensors that share no memory, as safetensors wants them, and name -> first name of the same tensor."""
    tensors: dict[str, Tensor] = {}
    names: dict[tuple[Any, ...], str] = {}
    aliases: dict[str, str] = {}
    for name, tensor in state.items():
        key = (tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        first = names.setdefault(key, name) if tensor.numel() else name
        if first != name:
            aliases[name] = first
        else:
            tensors[name] = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    return tensors, aliases


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        with open(path, "rb") as file:
            start = file.read(4)
        if start.startswith((b"PK\x03\x04", b"\x80")):
            raise WeightsError(
                f"{path}: is a pickle (.pth, .pt), which could run code when loaded, not a safetensors file. "
                "`siamtrack convert` makes one of official weights."
            ) from error
        raise WeightsError(
            f"{path}: cannot be read as safetensors ({error}); it is damaged or cut short: take another checkpoint of "
            "the run, or copy the file again."
        ) from error


# Other people's files -----------------------------------------------------------------------------------------------


def read_checkpoint(path: FilePath) -> dict[str, Any]:
    """A PyTorch (or safetensors) file, without running code that it may hold.

    Besides tensors and plain Python values, NumPy scalars are let in: every pysot-style checkpoint has them among its
    learning rates.

    Returns:
        What the file holds; of a safetensors file its tensors.

    Raises:
        WeightsError: there is none, it is damaged, or it wants to run code.
    """
    path = _existing(path)
    if path.suffix == ".safetensors":
        return dict(_read_safetensors(path)[0])
    try:
        with torch.serialization.safe_globals(_harmless()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        strangers = _strangers(path, str(error))
        if strangers:
            raise WeightsError(
                f"{path}: refused: it asks to load {', '.join(strangers)}, and loading such things can run any code. "
                "A checkpoint should hold tensors and plain values: ask its author for the state dict alone, or for "
                "safetensors."
            ) from None
        what = re.search(r"Unsupported \w+ \S+", str(error))
        raise WeightsError(
            f"{path}: is not a PyTorch checkpoint, or is damaged ({what[0] if what else 'cannot be unpickled'})."
        ) from None
    except Exception as error:  # whatever damaged bytes may lead the reader to
        raise WeightsError(
            f"{path}: cannot be read as a PyTorch checkpoint ({_first_sentence(error)}); is it cut off?"
        ) from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: holds {type(content).__name__}, but should hold a dict with tensors.")
    return content


def state_of(checkpoint: Mapping[str, Any], path: FilePath) -> dict[str, Tensor]:
    """The state dict in what :func:`read_checkpoint` gave, without the ``module.`` that DDP puts before its names.

    Raises:
        WeightsError: there is none.
    """
    inner = next((checkpoint[k] for k in ("state_dict", "model", "net", "network") if k in checkpoint), checkpoint)
    tensors = {str(k): v for k, v in inner.items() if isinstance(v, Tensor)} if isinstance(inner, Mapping) else {}
    if not tensors:
        raise WeightsError(
            f"{path}: holds no tensors; expected a state dict, alone or under `state_dict` (its keys: "
            f"{', '.join(map(str, list(checkpoint)[:8])) or 'none'})."
        )
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


def _existing(path: FilePath) -> Path:
    """The path, if it is a file; otherwise a sentence that names what lies near it."""
    path = Path(path)
    if path.is_file():
        return path
    if path.is_dir():
        found = sorted(path.rglob("*.safetensors"))
        hint = f"Give a file in it, such as {found[-1].relative_to(path)}." if found else "It holds no *.safetensors."
        raise WeightsError(f"{path}: is a folder, not a file with weights. {hint}")
    found = sorted(path.parent.glob("*.safetensors")) if path.parent.is_dir() else []
    hint = f" Beside it there is {found[-1].name}." if found else " There are no weights beside it either."
    raise WeightsError(f"{path}: there is no such file.{hint}")


def _harmless() -> list[Any]:
    """What NumPy scalars need, under the names that old and new NumPy write."""
    core = np._core if hasattr(np, "_core") else np.core  # type: ignore[attr-defined]
    scalar = core.multiarray.scalar
    kinds = [type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32", "bool")]
    return [(scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar"), np.dtype, *kinds]


def _strangers(path: Path, message: str) -> list[str]:
    """Names that a checkpoint wants to load and that are on no allow-list; read off its pickle, which is not run."""
    with contextlib.suppress(Exception), torch.serialization.safe_globals(_harmless()):
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        if names:
            return sorted(names)
    named = re.findall(r"GLOBAL ([\w.]+\.\w+)", message)
    if named:
        return sorted(set(named))
    # PyTorch does not know the newer protocols of bare pickles, which push module and name before they join them
    pushed: list[str] = []
    with contextlib.suppress(Exception), open(path, "rb") as file:
        for opcode, argument, _ in pickletools.genops(file):
            if isinstance(argument, str):
                pushed.append(argument)
            elif opcode.name == "STACK_GLOBAL":
                named.append(".".join(pushed[-2:]))
    return sorted(set(named))


def _first_sentence(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].split(". ")[0].rstrip(".")
