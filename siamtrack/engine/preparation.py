"""What is done to a model once before it learns: device and memory format, synchronised batch norm, checkpointing,
compilation.
"""

from __future__ import annotations

import logging
import os
import shutil

import torch
from torch import nn
from yacs.config import CfgNode

from siamtrack.config import ConfigError
from siamtrack.engine.checkpointing import checkpoint_modules
from siamtrack.engine.distributed import Processes

log = logging.getLogger(__name__)

MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def prepare(model: nn.Module, train: CfgNode, processes: Processes) -> nn.Module:
    """The model as ``TRAIN`` wants it: MEMORY_FORMAT, SYNC_BATCHNORM, CHECKPOINTING, COMPILE.

    Names of parameters and modules stay what they were.

    Raises:
        ConfigError: an unknown memory format; a pattern that fits no module.
    """
    if train.MEMORY_FORMAT not in MEMORY_FORMATS:
        raise ConfigError(
            f"TRAIN.MEMORY_FORMAT is {train.MEMORY_FORMAT!r}; it should be one of {', '.join(MEMORY_FORMATS)}."
        )
    model = model.to(processes.device)
    if train.MEMORY_FORMAT != "contiguous":
        model = model.to(memory_format=MEMORY_FORMATS[train.MEMORY_FORMAT])  # type: ignore[call-overload]
    if train.SYNC_BATCHNORM:
        model = _synchronised(model, processes)
    if train.CHECKPOINTING:
        checkpoint_modules(model, train.CHECKPOINTING)
    if train.COMPILE:
        _compile(model, processes.device)
    return model


def _synchronised(model: nn.Module, processes: Processes) -> nn.Module:
    if processes.world == 1:
        return model
    if processes.device.type != "cuda":
        log.warning("TRAIN.SYNC_BATCHNORM: torch has it for CUDA alone; here each process keeps its own statistics.")
        return model
    converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return converted


def _compile(model: nn.Module, device: torch.device) -> None:
    """Compile the model's ``forward`` in place; what the compiler cannot do runs as it is."""
    missing = _missing_compiler(device)
    if missing:
        log.warning("TRAIN.COMPILE: torch.compile needs %s, and this machine has none; going on without.", missing)
        return
    torch._dynamo.config.suppress_errors = True  # a part that cannot be compiled is run eagerly, and said so
    model.compile(dynamic=False)


def _missing_compiler(device: torch.device) -> str:
    """What torch's code generation would look for in vain: a C compiler for Triton, a C++ one for the CPU."""
    variable, names = ("CC", ("gcc", "clang")) if device.type == "cuda" else ("CXX", ("g++", "clang++"))
    given = os.environ.get(variable)
    found = any(shutil.which(name) for name in ((given,) if given else names))
    return "" if found else f"{given or ' or '.join(names)}"
