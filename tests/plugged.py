"""A plug-in: one part of each kind that is exchanged, written as its author would, without touching the house."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from siamtrack.contracts import Anchors, Fused, FusedSpec, Points
from siamtrack.losses.registry import terms
from siamtrack.models.slots import Correlation, Enhancer, Head, correlations, enhancers, heads


@enhancers.register("plugged")
class Gate(Enhancer):
    def __init__(self, channels):
        super().__init__()
        self.channels = channels
        self.gates = nn.ModuleList(nn.Conv2d(c, c, 1) for c in channels)

    def forward(self, level):
        return level.with_map(level.map * self.gates[level.level](level.map).sigmoid())


@correlations.register("plugged")
class MeanCorrelation(Correlation):
    def __init__(self, channels: int, branch: str, *, gain: float = 1.0) -> None:
        super().__init__()
        self.spec = FusedSpec(channels)
        self.embed = nn.Conv2d(channels, channels, 1)
        self.gain = gain

    def kernel(self, template):
        return (self.embed(template.map).mean((2, 3), keepdim=True),)

    def forward(self, kernels, search):
        ((kernel,),) = kernels
        return Fused(search.map * kernel * self.gain, search.size, search.stride)


@heads.register("plugged")
class LinearHead(Head):
    branches = ("only",)
    makes = Points
    max_levels = 1

    def __init__(self, inputs):
        super().__init__()
        self.out = nn.Conv2d(inputs[0]["only"].channels, 5, 1)

    def forward(self, fused):
        level = fused[0]["only"]
        score, *_ = answers = self.out(level.map).split([1, 4], 1)
        return Points(score[:, 0], F.softplus(answers[1]) * level.stride, level.size, level.stride)


@terms.register("plugged")
class Hinge:
    serves = (Points, Anchors)

    def __call__(self, prediction, targets) -> Tensor:
        wanted = (targets.label == 1).float() * 2 - 1
        return (F.relu(1 - wanted * prediction.logit) * (targets.label >= 0)).mean()
