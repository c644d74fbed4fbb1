"""Depth-wise correlation as one operator whose gradient is made of the same kind of convolution as its forward pass.

Correlating every plane of a search map with a plane of its own is a convolution with as many groups as planes. torch's
gradient for the kernels of such a convolution is slow on the CPU: at 28 x 256 planes of 29x29 cells with 5x5 kernels it
takes ten times as long as the forward pass. The same gradient is itself a grouped convolution, of the search map with
the response's gradient as a 25x25 kernel, and takes less than the forward pass.

Registered with torch, so that ``torch.compile`` looks through it; a second derivative exists as well.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

# numbers of a map that one convolution takes in: copies made on the way must fit a share of the cache
CHUNK = 1 << 20
# side of the kernels up to which the gradient of the search is a padded convolution too; wider padding than this leaves
# oneDNN's fast path, and torch's own gradient, a fifth slower, is taken
WIDEST = 7


def correlate_planes(search: Tensor, kernel: Tensor) -> Tensor:
    """Every plane of a search map with its own plane of a kernel, in the precision of autocast where that is on.

    Args:
        search: ``[B, C, H, W]``.
        kernel: ``[B, C, h, w]``.

    Returns:
        ``[B, C, H - h + 1, W - w + 1]``.
    """
    kind = search.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        search, kernel = search.to(dtype), kernel.to(dtype)
    result: Tensor = _operator(search.contiguous(), kernel.contiguous())
    return result


@torch.library.custom_op("siamtrack::correlate_planes", mutates_args=())
def _operator(search: Tensor, kernel: Tensor) -> Tensor:
    response: Tensor = _shape(search, kernel)
    for part in _chunks(search):
        response[part] = _at_once(search[part], kernel[part])
    return response


@_operator.register_fake
def _shape(search: Tensor, kernel: Tensor) -> Tensor:
    height, width = (s - k + 1 for s, k in zip(search.shape[-2:], kernel.shape[-2:], strict=True))
    return search.new_empty(*search.shape[:2], height, width)


def _remember(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
    search, kernel = ctx.saved_tensors
    gradient = gradient.contiguous()
    of_search, of_kernel = (
        torch.empty_like(side) if wanted else None
        for side, wanted in zip((search, kernel), ctx.needs_input_grad, strict=True)
    )
    for part in _chunks(search):  # both at a time, while their share of the gradient is in the cache
        if of_search is not None:
            of_search[part] = _gradient_of_search(search[part].shape, kernel[part], gradient[part])
        if of_kernel is not None:
            of_kernel[part] = _at_once(search[part], gradient[part])
    return of_search, of_kernel


_operator.register_autograd(_gradients, setup_context=_remember)


def _gradient_of_search(shape: torch.Size, kernel: Tensor, gradient: Tensor) -> Tensor:
    height, width = kernel.shape[-2:]
    if max(height, width) <= WIDEST:
        return _at_once(gradient, kernel.flip((2, 3)), (height - 1, width - 1))
    planes = shape[0] * shape[1]
    gradients = gradient.reshape(1, planes, *gradient.shape[-2:])
    kernels = kernel.reshape(planes, 1, height, width)
    flat: Tensor = conv2d_input((1, planes, *shape[-2:]), kernels, gradients, groups=planes)
    return flat.reshape(shape)


def _chunks(maps: Tensor) -> list[slice]:
    """Some samples at a time."""
    samples = max(1, CHUNK // max(math.prod(maps.shape[1:]), 1))
    return [slice(first, first + samples) for first in range(0, len(maps), samples)]


def _at_once(search: Tensor, kernel: Tensor, padding: tuple[int, int] = (0, 0)) -> Tensor:
    batch, channels = search.shape[:2]
    planes = batch * channels
    response = F.conv2d(
        search.reshape(1, planes, *search.shape[-2:]),
        kernel.reshape(planes, 1, *kernel.shape[-2:]),
        padding=padding,
        groups=planes,
    )
    return response.reshape(batch, channels, *response.shape[-2:])
