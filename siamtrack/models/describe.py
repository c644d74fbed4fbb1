"""What a configuration's network is made of: parts, shapes through it, parameters and multiply-adds.

The network is built and run on the ``meta`` device: no weights are drawn and nothing is computed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import torch
import torchvision  # noqa: F401 - defines torch.ops.torchvision
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from siamtrack.config import ConfigError
from siamtrack.contracts import Crop, FeatureMap
from siamtrack.models.build import build_network
from siamtrack.models.network import SiameseNetwork
from siamtrack.models.slots import Correlation

CONVENTION = (
    "MACs are multiply-adds of convolutions (deformable ones too), linear layers and matrix products, attention and "
    "correlation among them, for a batch of one; normalisation, activation, pooling, softmax and interpolation are not "
    "counted. Template: once for each template that is remembered. Frame: every tracked frame."
)


@dataclass
class Side:
    """What a part does for a template, or for a frame.

    Attributes:
        macs: multiply-adds.
        shapes: of what it gives, by name, without the batch.
    """

    macs: int = 0
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass
class Part:
    """One slot of the network.

    Attributes:
        slot: backbone, neck, enhancer, correlation or head.
        name: under which its class is registered.
        parameters: how many numbers it holds that could learn; constants such as frozen statistics are none.
        template: what it does once for each template.
        frame: what it does in every frame.
    """

    slot: str
    name: str
    parameters: int
    template: Side = field(default_factory=Side)
    frame: Side = field(default_factory=Side)


@dataclass(frozen=True)
class Description:
    """A network, part by part.

    Attributes:
        parts: in the order of the slots.
        template_size: side of a template crop, px.
        search_size: side of a search crop, px.
        templates: how many are remembered.
    """

    parts: tuple[Part, ...]
    template_size: int
    search_size: int
    templates: int

    @property
    def parameters(self) -> int:
        """Of the whole network."""
        return sum(part.parameters for part in self.parts)

    @property
    def template_macs(self) -> int:
        """Once for each template."""
        return sum(part.template.macs for part in self.parts)

    @property
    def frame_macs(self) -> int:
        """Every tracked frame."""
        return sum(part.frame.macs for part in self.parts)

    def part(self, slot: str) -> Part:
        """The part in a slot."""
        return next(part for part in self.parts if part.slot == slot)

    def to_dict(self) -> dict[str, Any]:
        """Everything, with totals and the convention, as JSON takes it."""
        return {
            "convention": CONVENTION,
            **dataclasses.asdict(self),
            "total": {
                "parameters": self.parameters, "template_macs": self.template_macs, "frame_macs": self.frame_macs,
            },
        }  # fmt: skip

    def __str__(self) -> str:
        rows = [("part", "name", "parameters", "template MACs", "frame MACs")]
        rows += [(p.slot, p.name, *_counts(p.parameters, p.template.macs, p.frame.macs)) for p in self.parts]
        rows.append(("total", "", *_counts(self.parameters, self.template_macs, self.frame_macs)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(_padded(row, widths)) for row in rows]
        for title, size, side in (("template", self.template_size, "template"), ("search", self.search_size, "frame")):
            lines += ["", f"{title} crop of {size} px gives"]
            for part in self.parts:
                shapes = getattr(part, side).shapes
                if shapes:
                    lines.append(f"  {part.slot}: " + ", ".join(f"{n} {_spelled(s)}" for n, s in shapes.items()))
        return "\n".join([*lines, "", CONVENTION])


def describe(cfg: Any, templates: int = 1) -> Description:
    """Describe the network of a configuration.

    Args:
        cfg: a resolved configuration.
        templates: how many are remembered; matters to correlations that read all of them in every frame.

    Raises:
        ConfigError: the configuration builds no network, or one that does not take that many templates.
    """
    with torch.device("meta"):
        network = build_network(cfg).eval().requires_grad_(False)
    _check_templates(network, templates)
    sizes = cfg.CROP.get("TEMPLATE_SIZE", 127), cfg.CROP.get("SEARCH_SIZE", 255)
    slots = {
        "backbone": network.backbone, "neck": network.neck, "enhancer": network.enhancer,
        "correlation": network.correlations, "head": network.head,
    }  # fmt: skip
    parts = {
        slot: Part(slot, cfg.MODEL[slot.upper()].NAME, sum(p.numel() for p in module.parameters()))
        for slot, module in slots.items()
    }
    template, search = (Crop(torch.empty(1, 3, s, s, device="meta"), torch.empty(1, 4, device="meta")) for s in sizes)
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=_FORMULAS) as counter:
        watch = _Watch(network, parts, counter)
        watch.side = "template"
        memory = network.remember(template)
        watch.side = "unseen"  # further templates cost as much as the first
        for _ in range(1, templates):
            memory = memory + network.remember(template)
        watch.side = "frame"
        network.locate(memory, search)
    return Description(tuple(parts.values()), *sizes, templates)


def _check_templates(network: SiameseNetwork, templates: int) -> None:
    most = templates if network.max_templates is None else network.max_templates
    if not 1 <= templates <= most:
        raise ConfigError(f"{templates} templates: this network remembers {f'1 to {most}' if most > 1 else most}.")


class _Watch:
    """Books multiply-adds and shapes on the part that is at work.

    It takes the place of the parts' methods in the network, which is not used for anything else afterwards.
    """

    def __init__(self, network: SiameseNetwork, parts: dict[str, Part], counter: FlopCounterMode) -> None:
        self.side = "unseen"
        self._parts, self._counter = parts, counter
        for slot in ("backbone", "neck", "enhancer", "head"):
            self._wrap(network.get_submodule(slot), "forward", slot)
        for label, correlation in _joints(network):
            self._wrap(correlation, "kernel", "correlation", label)
            self._wrap(correlation, "forward", "correlation", label)

    def _wrap(self, owner: nn.Module, method: str, slot: str, label: str = "") -> None:
        original: Callable[..., Any] = getattr(owner, method)

        def watched(*args: Any, **kwargs: Any) -> Any:
            before = self._counter.get_total_flops()
            result = original(*args, **kwargs)
            if self.side != "unseen":
                side: Side = getattr(self._parts[slot], self.side)
                side.macs += (self._counter.get_total_flops() - before) // 2
                side.shapes.update(_shapes(result, f"{label} kernel".strip() if method == "kernel" else label))
            return result

        setattr(owner, method, watched)


def _joints(network: SiameseNetwork) -> Iterator[tuple[str, Correlation]]:
    """Every correlation and what it is called: its branch, with the level where there are several."""
    for i, level in enumerate(network.correlations):
        for branch, correlation in cast(nn.ModuleDict, level).items():
            yield (branch if len(network.correlations) == 1 else f"{i} {branch}"), cast(Correlation, correlation)


def _shapes(value: Any, name: str = "") -> dict[str, tuple[int, ...]]:
    """The tensors of a part's result by name, their shapes without the batch."""
    if isinstance(value, Tensor):
        return {name or "0": tuple(value.shape[1:])}
    if isinstance(value, FeatureMap):
        return _shapes(value.map, f"{'template' if value.template else 'search'} {value.level}")
    if dataclasses.is_dataclass(value):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        named = {"" if f == "map" else f: v for f, v in fields.items() if isinstance(v, Tensor)}
        items = list(named.items())
    elif isinstance(value, (tuple, list)):
        items = [("" if len(value) == 1 else str(i), v) for i, v in enumerate(value)]
    else:
        return {}
    return {n: s for key, item in items for n, s in _shapes(item, f"{name} {key}".strip()).items()}


def _deformable(
    x: Any, weight: Any, offset: Any, mask: Any, bias: Any, *args: Any, out_shape: Any = None, **kwargs: Any
) -> int:
    """Floating-point operations of a deformable convolution's products; the sampling is not counted."""
    batch, _, height, width = out_shape
    outputs, inputs, kernel_h, kernel_w = weight
    return int(2 * batch * height * width * outputs * inputs * kernel_h * kernel_w)


_FORMULAS = {torch.ops.torchvision.deform_conv2d: _deformable}


def _padded(row: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    """Words to the left, numbers to the right."""
    for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.ljust(width) if i < 2 else cell.rjust(width)


def _counts(parameters: int, template: int, frame: int) -> tuple[str, str, str]:
    return f"{parameters:,}", _short(template), _short(frame)


def _short(macs: int) -> str:
    """1234567 -> 1.235 M."""
    if macs == 0:
        return "-"
    unit, size = ("G", 1e9) if macs >= 1e9 else ("M", 1e6)
    return f"{macs / size:.3f} {unit}"


def _spelled(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
