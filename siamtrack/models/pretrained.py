"""What training starts from: a backbone filled from somebody else's file, or a network from one of ours."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch import Tensor

from siamtrack.config import ConfigError
from siamtrack.models.backbones.pretrained import IMAGENET_MEAN, IMAGENET_STD, PretrainedBackbone
from siamtrack.models.network import Pixels, SiameseNetwork
from siamtrack.models.weights import FilePath, WeightsError, read_checkpoint, read_weights, state_of

log = logging.getLogger(__name__)

_RAW = ("bgr", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
# what the network must do to pixels for each kind of file
EXPECTED_PIXELS = {
    "pysot": _RAW,
    "torchvision-folded": _RAW,
    "torchvision": ("rgb", tuple(255 * m for m in IMAGENET_MEAN), tuple(255 * s for s in IMAGENET_STD)),
}


@dataclass(frozen=True)
class Pretrained:
    """What became of a pretrained file; ``str`` of it is the line for the log.

    Attributes:
        file: its name.
        source: what kind of file it was taken for.
        loaded: names of ours that it filled.
        adapted: of these, what was done to those that are not simply the file's own.
        unused: names of the file that have no place here.
    """

    file: str
    source: str
    loaded: tuple[str, ...]
    adapted: dict[str, str]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        changes: dict[str, list[str]] = {}
        for name, change in self.adapted.items():
            changes.setdefault(change, []).append(name)
        lines = [f"{self.file} as {self.source}: {len(self.loaded)} tensors loaded"]
        lines += [f"  adapted {', '.join(names)}: {change}" for change, names in changes.items()]
        if self.unused:
            more = f" and {len(self.unused) - 6} more" if len(self.unused) > 6 else ""
            lines.append(f"  not used: {', '.join(self.unused[:6])}{more}")
        return "\n".join(lines)


def start_from_pretrained(network: SiameseNetwork) -> Pretrained | None:
    """Load the file that the backbone's option ``PRETRAINED`` names; ``None`` where it names none.

    Raises:
        ConfigError: ``MODEL.PIXELS`` is not what such weights were trained with: activations would be off by orders of
            magnitude and frozen layers would never recover.
        WeightsError: see :func:`load_pretrained`.
    """
    backbone = network.backbone
    if not isinstance(backbone, PretrainedBackbone) or not backbone.pretrained:
        return None
    _check_pixels(cast(Pixels, network.pixels), backbone.pretrained_as)
    return load_pretrained(backbone, backbone.pretrained_as, backbone.pretrained)


def start_from_run(network: SiameseNetwork, path: FilePath, fresh: Sequence[str] = ()) -> None:
    """Fill the network from a checkpoint of ours, down to the last tensor.

    Args:
        network: to fill, in place.
        path: ``.safetensors``.
        fresh: slots (``backbone``, ``neck``, ``enhancer``, ...) that stay as they are, whatever the file holds: a
            network with another enhancer or head starts from one without it.

    Raises:
        ConfigError: a slot that the network does not have.
        WeightsError: the file cannot be read; it lacks a tensor, or holds one that has no place outside ``fresh``.
    """
    slots = [name for name, _ in network.named_children()]
    for slot in fresh:
        if slot not in slots:
            raise ConfigError(f"MODEL.INIT_FRESH: there is no slot {slot!r}; there are {', '.join(slots)}.")
    own, state = network.state_dict(), read_weights(path).state
    wanted, given = ({name for name in names if name.split(".")[0] not in fresh} for names in (own, state))
    differing = {name for name in wanted & given if own[name].shape != state[name].shape}
    wrong = sorted((wanted ^ given) | differing)
    if wrong:
        concerned = sorted({name.split(".")[0] for name in wrong})
        kinds = ((wanted - given, "lacks"), (given - wanted, "has besides"), (differing, "has in another shape"))
        said = "; ".join(f"{what} {len(names)}, such as {min(names)}" for names, what in kinds if names)
        raise WeightsError(
            f"{path}: does not fill the network: of its tensors it {said}. Take a checkpoint of this configuration, or "
            f"let those parts start anew: MODEL.INIT_FRESH [{', '.join(concerned)}]."
        )
    network.load_state_dict({**own, **{name: state[name] for name in wanted}})


def load_pretrained(backbone: PretrainedBackbone, source: str, path: FilePath) -> Pretrained:
    """Fill a backbone from somebody else's file and log how.

    Every tensor of the backbone must be filled, except batch norm's counters, which older files lack. Tensors that the
    file has besides (a classifier, layers that are not built) are listed.

    Args:
        backbone: to fill, in place.
        source: kind of the file, one of the values of the backbone's option ``PRETRAINED_AS``.
        path: ``.pth``, ``.model`` or ``.safetensors``.

    Raises:
        WeightsError: the file cannot be read, or does not fill the backbone.
        ConfigError: the backbone, built as it is, cannot take that kind of file.
    """
    own = backbone.state_dict()
    state = state_of(read_checkpoint(path), path)
    candidates = (_inside(state, prefix) for prefix in ("", "features.", "backbone."))
    fits = [(*backbone.adapt(inside, source), inside) for inside in candidates]
    tensors, adapted, _ = max(fits, key=lambda fit: len(own.keys() & fit[0].keys()))
    missing = [name for name in own if name not in tensors and not name.endswith("num_batches_tracked")]
    if missing:
        raise WeightsError(
            f"{path}: taken as {source}, it lacks {len(missing)} of the {len(own)} tensors of "
            f"{type(backbone).__name__}: {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}. Its own names "
            f"are like {', '.join(list(state)[:3])}; is it for this backbone, and MODEL.BACKBONE.PRETRAINED_AS right?"
        )
    for name in own.keys() & tensors.keys():
        if own[name].shape != tensors[name].shape:
            raise WeightsError(
                f"{path}: taken as {source}, its {name} is {list(tensors[name].shape)}, but should be "
                f"{list(own[name].shape)}{_hint(name, tensors[name])}."
            )
    backbone.load_state_dict({**own, **{name: tensors[name] for name in own if name in tensors}})
    loaded = tuple(name for name in own if name in tensors)
    unused = tuple(sorted(name for name in tensors if name not in own))
    report = Pretrained(Path(path).name, source, loaded, adapted, unused)
    log.info("%s", report)
    return report


def _inside(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, without it; those beside it keep their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items()}


def _hint(name: str, tensor: Tensor) -> str:
    if name.endswith("downsample.0.weight") and tensor.shape[-1] == 1:
        return ", so this looks like torchvision's file: set MODEL.BACKBONE.PRETRAINED_AS torchvision-folded"
    return ""


def _check_pixels(pixels: Pixels, source: str) -> None:
    order, mean, std = EXPECTED_PIXELS[source]
    found = [*pixels.mean.flatten().tolist(), *pixels.std.flatten().tolist()]
    if pixels.order != order or any(abs(f - e) > 1 for f, e in zip(found, [*mean, *std], strict=True)):
        raise ConfigError(
            f"MODEL.PIXELS: weights of kind {source} need ORDER {order}, MEAN {[round(m, 3) for m in mean]}, STD "
            f"{[round(s, 3) for s in std]}, but have ORDER {pixels.order}, MEAN {[round(m, 3) for m in found[:3]]}, "
            f"STD {[round(s, 3) for s in found[3:]]}."
        )
