"""A tracker behind the TraX protocol, as the official VOT toolkit runs one: ``python -m siamtrack.tracking.trax``.

The toolkit starts the process, names frames by their files, and is given a rectangle and a confidence for each. It may
begin anew on any frame, as its experiments with restarts do. Needs ``vot-trax`` (``pip install "siamtrack[vot]"``).

Source: Čehovin, TraX: The visual tracking exchange protocol and library, Neurocomputing 2017.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from siamtrack.boxes import cxcywh_to_xywh, quadrilateral_to_cxcywh
from siamtrack.data.sequence import read_image
from siamtrack.tracking.follow import reseed
from siamtrack.tracking.recipe import FromBaseline, FromCheckpoint
from siamtrack.tracking.tracker import Tracker


def serve(tracker: Tracker) -> None:
    """Answer the toolkit until it says goodbye.

    Raises:
        ValueError: vot-trax is not installed; a frame cannot be read; the start box is none.
    """
    trax = _trax()
    formats = [trax.Region.RECTANGLE, trax.Region.POLYGON]
    with trax.Server(formats, [trax.Image.PATH], tracker_name=tracker.name) as server:
        while True:
            request = server.wait()
            if request.type == trax.TraxStatus.QUIT:
                return
            frame = read_image(request.image["color"].path())
            if request.type == trax.TraxStatus.INITIALIZE:
                reseed(tracker, tracker.repetition)
                box = start_box(request.objects[0][0])
                tracker.init(frame, box)
                answer, score = tuple(box), 1.0
            else:
                result = tracker.update(frame)
                answer, score = result.box, result.score
            server.status([(trax.Rectangle.create(*answer), {"confidence": score})])


def start_box(region: Any) -> np.ndarray:
    """``[4]`` x, y, w, h of a rectangle, or the upright box of a polygon's centre and area.

    Args:
        region: of the trax module.
    """
    if region.type == "rectangle":
        return np.array(region.bounds(), np.float64)
    corners = np.array([region.get(i) for i in range(region.size())], np.float64)
    if len(corners) == 4:  # in the way in which the one-pass reader starts
        upright: np.ndarray = cxcywh_to_xywh(quadrilateral_to_cxcywh(corners.reshape(8)))
        return upright
    low, high = corners.min(0), corners.max(0)
    return np.concatenate([low, high - low])


def main(arguments: Sequence[str] | None = None) -> None:
    """What the toolkit's ``trackers.ini`` calls."""
    p = argparse.ArgumentParser(prog="python -m siamtrack.tracking.trax", description=serve.__doc__)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", help="a .safetensors file")
    source.add_argument("--baseline", metavar="NAME", help="static, or one of OpenCV's, as MIL")
    p.add_argument("--device", help="(default: the GPU if there is one)")
    p.add_argument("overrides", nargs="*", metavar="KEY VALUE")
    options = p.parse_args(arguments)
    if options.baseline:
        tracker = FromBaseline.of(options.baseline).build(options.device)
    else:
        tracker = FromCheckpoint.of(Path(options.checkpoint), options.overrides).build(options.device)
    serve(tracker)


def _trax() -> Any:
    try:
        import trax
    except ImportError:
        raise ValueError(
            "the TraX protocol needs vot-trax, which is not installed in this environment "
            f"({sys.executable}): pip install 'siamtrack[vot]'."
        ) from None
    return trax


if __name__ == "__main__":
    main()
