"""The five slots of a network and the parts for them: ``backbone -> neck -> enhancer -> correlation -> head``.

The registries stand here and not in the packages of the parts, so that a part and the network can import them without
importing each other.
"""

from __future__ import annotations

from torch import nn

from siamtrack.registry import Registry

backbones: Registry[nn.Module] = Registry("backbone", "MODEL.BACKBONE", package="siamtrack.models.backbones")
necks: Registry[nn.Module] = Registry("neck", "MODEL.NECK", package="siamtrack.models.necks")
enhancers: Registry[nn.Module] = Registry("enhancer", "MODEL.ENHANCER", package="siamtrack.models.enhancers")
correlations: Registry[nn.Module] = Registry(
    "correlation", "MODEL.CORRELATION", package="siamtrack.models.correlations"
)
heads: Registry[nn.Module] = Registry("head", "MODEL.HEAD", package="siamtrack.models.heads")
