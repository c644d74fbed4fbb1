"""``siamtrack model``: look at networks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from siamtrack.commands.options import command, configuration


def add(commands: Any) -> None:
    model = commands.add_parser("model", help="Look at networks.").add_subparsers(dest="what", required=True)
    p = command(model, "describe", describe)
    configuration(p)
    p.add_argument("--templates", type=int, help="how many are remembered (default: as many as its tracker keeps)")
    p.add_argument("--json", metavar="J", help="write the same as JSON")


def describe(options: argparse.Namespace) -> int:
    """Say what a configuration's network is made of: parts, shapes, parameters, multiply-adds."""
    from siamtrack import config
    from siamtrack.models.describe import describe as look
    from siamtrack.registry import load_plugins

    cfg = config.load(options.cfg, options.overrides, options.plugin)
    load_plugins(cfg.PLUGINS)
    description = look(cfg, _kept_templates(cfg) if options.templates is None else options.templates)
    print(description)
    if options.json:
        Path(options.json).write_text(json.dumps(description.to_dict(), indent=1) + "\n", encoding="utf-8")
    return 0


def _kept_templates(cfg: Any) -> int:
    """How many templates the tracker of a configuration keeps."""
    import torch

    from siamtrack.tracking import build_tracker

    with torch.device("meta"):
        return build_tracker(cfg, device="meta").templates
