"""Taking a tracker apart: a grid of configurations, each trained, tested and scored, and compared with the first.

>>> from siamtrack.ablation import grid, parse_axis
>>> variants = grid("configs/siamban/r50.yaml", [parse_axis("MODEL.CORRELATION.NAME=depthwise,pixelwise")])
>>> [variant.name for variant in variants]
['correlation=depthwise', 'correlation=pixelwise']
"""

from siamtrack.ablation.grid import Axis, Edit, Variant, grid, parse_axis, parse_variants

__all__ = ["Axis", "Edit", "Variant", "grid", "parse_axis", "parse_variants"]
