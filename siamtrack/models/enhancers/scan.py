"""SiamCross's cross awareness (SCAN): each side learns from the other before they are correlated."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from siamtrack.boxes import xyxy_to_cxcywh
from siamtrack.config import ConfigError
from siamtrack.contracts import FeatureMap
from siamtrack.models.precision import full_precision
from siamtrack.models.slots import Attends, Enhancer, enhancers


def target_values(points: Tensor, box: Tensor, values: Literal["ellipse", "box"] = "ellipse") -> Tensor:
    """The look-up table's values V: which template cells lie on the target.

    A target that covers no cell's point gets the nearest one, so no row is empty.

    Args:
        points: ``[2, H, W]`` px of the template crop.
        box: ``[B, 4]`` xyxy px of the template crop.
        values: strictly inside the ellipse inscribed in the box, or strictly inside the box.

    Returns:
        ``[B, H, W]`` float32, 0 or 1.

    Source: SiamCross, section 3.2, before equation 3.
    """
    centre_x, centre_y, width, height = xyxy_to_cxcywh(box)[:, :, None, None].unbind(1)
    off_x, off_y = points[0] - centre_x, points[1] - centre_y
    u, v = off_x / (width / 2), off_y / (height / 2)
    covered = u.square() + v.square() < 1 if values == "ellipse" else torch.maximum(u.abs(), v.abs()) < 1
    distance = (off_x.square() + off_y.square()).flatten(1)
    nearest = torch.zeros_like(distance).scatter(1, distance.argmin(1, keepdim=True), 1.0).view_as(off_x)
    empty = ~covered.flatten(1).any(1)[:, None, None]
    return torch.where(empty, nearest, covered.to(nearest.dtype))


def look_up(search: Tensor, template: Tensor, values: Tensor, divisor: float = 1.0) -> tuple[Tensor, Tensor]:
    """How much every search position resembles the target: equations 3 and 4.

    Args:
        search: ``[B, C, H, W]``.
        template: ``[B, C, h, w]``, the addresses.
        values: ``[B, h, w]``.
        divisor: of the products before the softmax over template positions.

    Returns:
        A ``[B, HW, hw]``, whose rows sum to 1, and M = A V ``[B, 1, H, W]`` in [0, 1].
    """
    similarity = search.flatten(2).transpose(1, 2) @ template.flatten(2)
    attention = (similarity / divisor).softmax(-1)
    found = attention @ values.flatten(1)[:, :, None]
    return attention, found.transpose(1, 2).reshape(-1, 1, *search.shape[-2:])


def template_context(
    template: Tensor, search: Tensor, reading: Literal["channel_reverse", "channel", "spatial"]
) -> tuple[Tensor, Tensor]:
    """What the template takes over from the search: equations 6 and 7 without beta and the sum.

    Args:
        template: ``[B, C, h, w]``.
        search: ``[B, C, H, W]``.
        reading: see :class:`Scan`.

    Returns:
        A' (``[B, C, C]``, for ``spatial`` ``[B, hw, HW]``), whose rows sum to 1, and the context ``[B, C, h, w]``.
    """
    addresses, context = template.flatten(2), search.flatten(2)
    if reading == "spatial":
        attention = (addresses.transpose(1, 2) @ context).softmax(-1)
        return attention, (context @ attention.transpose(1, 2)).view_as(template)
    energy = context @ context.transpose(1, 2)
    if reading == "channel_reverse":
        energy = energy.amax(-1, keepdim=True) - energy
    attention = energy.softmax(-1)
    return attention, (attention @ addresses).view_as(template)


@enhancers.register("scan")
class Scan(Enhancer):
    """The search gets a map of what resembles the target, the template gets context from the search.

    ``x + alpha M`` with ``M = softmax(x^T z) V`` (look-up table, equations 3-5) and ``z + beta A' z`` with A' learned
    from the search (equations 6 and 7), both from the original pair. With alpha = beta = 0, the start, it changes
    nothing. Template and search are enhanced together in every frame, so it serves one template.

    The values V need the whole template: keep the neck from cutting it (``MODEL.NECK.TEMPLATE_CELLS: 0``) and cut in
    the correlation (``MODEL.CORRELATION.CROP: 7``). Cut in the neck instead, nearly all of it lies on the target and M
    says nothing; without any cut the correlation gives 17x17. Every level has its own alpha, beta and embeddings.
    Padding masks are not read. Attention is computed in float32.

    The paper leaves open, with the default first:

    Args:
        channels: of each level.
        search: the search branch: look-up table, or left as it is.
        template: the template branch. Equation 6 as printed does not conform. ``channel_reverse``: A' is the softmax
            of (row maximum - E) for E = x x^T over channels, as SiamAttn's code has it, which the paper follows.
            ``channel``: softmax of E, SiamAttn's formula, in practice the identity because E's diagonal outweighs
            the rest. ``spatial``: A' weighs search positions for each template position and the context is the
            search's. ``none``: left as it is.
        values: cells of V: inside the ellipse inscribed in the template's box, or inside the box.
        scale: products of equation 3 as printed, or divided by the root of their channels.
        embed: channels of the 1x1 convolutions before equation 3 (Ocean+ has 64); 0: none, as printed.
        alpha: start of the search branch's scaling parameter.
        beta: start of the template branch's scaling parameter.
        learn: whether both learn, or stay.

    Source: SiamCross (Huang et al.), section 3.2; SiamAttn (Yu et al., CVPR 2020); Ocean+ (Zhang et al., 2020).
    """

    joint: ClassVar[bool] = True
    attends: ClassVar[tuple[Attends, ...]] = ("cross",)
    alpha: Tensor
    beta: Tensor

    def __init__(
        self,
        channels: tuple[int, ...],
        *,
        search: Literal["lut", "none"] = "lut",
        template: Literal["channel_reverse", "channel", "spatial", "none"] = "channel_reverse",
        values: Literal["ellipse", "box"] = "ellipse",
        scale: Literal["none", "sqrt_c"] = "none",
        embed: int = 0,
        alpha: float = 0.0,
        beta: float = 0.0,
        learn: bool = True,
    ) -> None:
        super().__init__()
        if search == template == "none":
            raise ConfigError("MODEL.ENHANCER: SEARCH and TEMPLATE of scan are both none; take NAME: none instead.")
        self.channels = channels
        self.search, self.template, self.values, self.scaled = search, template, values, scale == "sqrt_c"
        if search != "none":
            self._scaling("alpha", alpha, learn)
        if template != "none":
            self._scaling("beta", beta, learn)
        embedded = channels if search != "none" else ()
        self.embed_template = nn.ModuleList(nn.Conv2d(c, embed, 1) if embed else nn.Identity() for c in embedded)
        self.embed_search = nn.ModuleList(nn.Conv2d(c, embed, 1) if embed else nn.Identity() for c in embedded)

    def forward(self, template: FeatureMap, search: FeatureMap) -> tuple[FeatureMap, FeatureMap]:
        """A level of each side ``[B, C, h, w]``, ``[B, C, H, W]`` -> the same level, enhanced.

        Raises:
            ConfigError: the template has no box.
        """
        z, x = template.map, search.map
        with full_precision(x.device):
            enhanced_x = self._searched(template, search) if self.search != "none" else x
            enhanced_z = self._templated(template, search) if self.template != "none" else z
        return template.with_map(enhanced_z.to(z.dtype)), search.with_map(enhanced_x.to(x.dtype))

    def _searched(self, template: FeatureMap, search: FeatureMap) -> Tensor:
        if template.box is None:
            raise ConfigError(
                "MODEL.ENHANCER: scan's look-up table needs the target's box in the template crop, but the crop has "
                "none; give Crop(pixels, box) with box [B, 4] xyxy in px of the crop."
            )
        values = target_values(template.points(), template.box, self.values)
        addresses = self.embed_template[template.level](template.map.float())
        queries = self.embed_search[search.level](search.map.float())
        divisor = math.sqrt(queries.shape[1]) if self.scaled else 1.0
        _, found = look_up(queries, addresses, values, divisor)
        return search.map + self.alpha[search.level] * found

    def _templated(self, template: FeatureMap, search: FeatureMap) -> Tensor:
        assert self.template != "none"
        z = template.map.float()
        _, context = template_context(z, search.map.float(), self.template)
        return z + self.beta[template.level] * context

    def _scaling(self, name: str, start: float, learn: bool) -> None:
        value = torch.full((len(self.channels),), start)
        if learn:
            self.register_parameter(name, nn.Parameter(value))
        else:
            self.register_buffer(name, value)
