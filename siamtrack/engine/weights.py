"""Weights files: safetensors that carry their configuration, so that one file is enough to build the tracker again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor


class CheckpointError(ValueError):
    """A file with weights or training state cannot be used; the message says which, why, and what would be right."""


def save_weights(path: Path, weights: Mapping[str, Tensor], config_text: str, meta: Mapping[str, Any]) -> None:
    """Write a weights file.

    Args:
        path: not written atomically: give a temporary one (``files.replacing``).
        weights: a state dict; a tensor under several names is stored once.
        config_text: the resolved configuration, as ``config.dump`` gives it.
        meta: JSON values: versions, epoch, step, metrics.

    Raises:
        OSError: the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    names: dict[tuple[Any, ...], str] = {}
    aliases: dict[str, str] = {}
    for name, tensor in weights.items():
        key = (tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        first = names.setdefault(key, name) if tensor.numel() else name
        if first != name:
            aliases[name] = first
        else:
            tensors[name] = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    about = {"config": config_text, "meta": json.dumps(meta), "aliases": json.dumps(aliases), "writer": "siamtrack"}
    try:
        save_file(tensors, path, metadata=about)
    except SafetensorError as error:
        raise OSError(f"{path}: {error}") from error


def load_weights(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], str, dict[str, Any]]:
    """Read a weights file; runs no code that may stand in it.

    Returns:
        the state dict on the CPU, the configuration's text (``config.loads`` reads it), and the meta data.

    Raises:
        CheckpointError: no such file, a folder, a pickle, a truncated file, or one that siamtrack did not write.
    """
    path = Path(path)
    _must_be_weights(path)
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: is damaged or cut short ({error}). Take another checkpoint of the run, or copy the file again."
        ) from error
    if about.get("writer") != "siamtrack":
        raise CheckpointError(
            f"{path}: holds tensors but no siamtrack configuration, so the tracker they belong to is not known. "
            "Official weights become a checkpoint by `siamtrack convert`."
        )
    for name, first in json.loads(about["aliases"]).items():
        weights[name] = weights[first]
    return weights, about["config"], json.loads(about["meta"])


def _must_be_weights(path: Path) -> None:
    if path.is_dir():
        found = sorted(path.rglob("*.safetensors"))
        hint = f"Give a file in it, such as {found[-1].relative_to(path)}." if found else "It holds no *.safetensors."
        raise CheckpointError(f"{path}: is a folder, not a weights file. {hint}")
    if not path.is_file():
        found = sorted(path.parent.glob("*.safetensors")) if path.parent.is_dir() else []
        hint = f" Beside it there is {found[-1].name}." if found else " There are no weights beside it either."
        raise CheckpointError(f"{path}: there is no such file.{hint}")
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((b"PK\x03\x04", b"\x80")):
        raise CheckpointError(
            f"{path}: is a pickle (.pth, .pt), which could run code when loaded. siamtrack reads *.safetensors; "
            "`siamtrack convert` makes one from official weights."
        )
