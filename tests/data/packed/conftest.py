"""A small data set in GOT-10k's layout, with image files of every kind."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from siamtrack.data.jpeg import libjpeg
from tests.data.jpeg.variants import encode, encode_by_pillow, scene

FRAMES = 6
SEQUENCES = ("a", "b", "odd")


@pytest.fixture(scope="session")
def loose(tmp_path_factory) -> Path:
    """Two sequences of usual JPEGs, and one of ``odd`` ones."""
    if libjpeg.library() is None:
        pytest.skip("torchvision and Pillow came without libjpeg-turbo")
    root = tmp_path_factory.mktemp("data") / "GOT-10k"
    rng = np.random.default_rng(0)
    for name in SEQUENCES:
        folder = root / "train" / name
        folder.mkdir(parents=True)
        boxes = np.concatenate([rng.uniform(5, 60, (FRAMES, 2)), rng.uniform(10, 40, (FRAMES, 2))], 1)
        np.savetxt(folder / "groundtruth.txt", boxes, "%.2f", ",")
    for number in range(FRAMES):
        for name, size, sampling in (("a", (160, 120), "4:2:0"), ("b", (203, 131), "4:2:2")):
            data = encode(scene(*size, number), sampling, optimise=bool(number % 2))
            (root / "train" / name / f"{number + 1:08}.jpg").write_bytes(data)
    image = scene(150, 110, 9)
    upside_down = Image.Exif()
    upside_down[0x0112] = 3
    odd = [
        encode_by_pillow(image, progressive=True, quality=85),
        encode_by_pillow(image, exif=upside_down, quality=85),
        encode(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), restart=3),
        cv2.imencode(".png", image)[1].tobytes(),  # under a JPEG's name, as in some archives
        encode_cmyk(image),
        encode(image, "4:4:4"),
    ]
    for number, data in enumerate(odd, 1):
        (root / "train" / "odd" / f"{number:08}.jpg").write_bytes(data)
    return root


def encode_cmyk(image: np.ndarray) -> bytes:
    """Four components."""
    import io

    stream = io.BytesIO()
    Image.fromarray(image[..., ::-1]).convert("CMYK").save(stream, "JPEG")
    return stream.getvalue()
