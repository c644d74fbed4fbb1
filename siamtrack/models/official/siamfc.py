"""SiamFC's released checkpoint (huanglianghua/siamfc-pytorch): the backbone is all there is."""

from __future__ import annotations

from siamtrack.models.official.rules import Rule, System

SYSTEM = System(
    source="huanglianghua/siamfc-pytorch",
    rules=(Rule(r"backbone\.(?P<name>conv[1-5]\.[01]\.\w+)", "backbone.{name}"),),
)
