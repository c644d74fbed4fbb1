"""Headers that libjpeg would end the process over are refused before it sees them."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from siamtrack.data.jpeg import libjpeg, region
from siamtrack.data.jpeg.header import BASELINE, DHT, DQT, SOS, read_header
from siamtrack.data.jpeg.sound import is_sound
from tests.data.jpeg.variants import SAMPLINGS, encode, scene

pytestmark = pytest.mark.skipif(libjpeg.library() is None, reason="torchvision and Pillow came without libjpeg-turbo")

BREAKAGES = {
    "a Huffman table of no known kind": (DHT, 4, 0x77),
    "more codes of a length than fit": (DHT, 5, 0xFF),
    "a quantisation table of a fifth number": (DQT, 4, 0x07),
    "a segment of no known kind": (DQT, 1, 0xF5),
    "a component without its table": (BASELINE, 12, 3),
    "no sampling factor": (BASELINE, 11, 0x00),
    "no horizontal sampling factor of a colour": (BASELINE, 14, 0x01),
    "a component twice": (BASELINE, 13, 1),
    "a scan of unknown components": (SOS, 5, 9),
    "a scan without its Huffman table": (SOS, 6, 0x33),
    "a spectral selection": (SOS, 11, 5),
}


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_usual_headers_are_sound(sampling):
    data = memoryview(encode(scene(50, 40, 0), sampling))
    assert is_sound(data, read_header(data))


@pytest.mark.parametrize("what", BREAKAGES)
def test_a_broken_header_is_not(what):
    data = bytearray(encode(scene(50, 40, 0)))
    marker, offset, value = BREAKAGES[what]
    data[read_header(memoryview(data)).first(marker).start + offset] = value
    broken = memoryview(bytes(data))
    header = read_header(broken)
    assert header is None or not region.can_decode(broken, header)


FUZZ = """
import sys, numpy as np, cv2
from siamtrack.data.jpeg import region
from siamtrack.data.jpeg.header import read_header
from tests.data.jpeg.variants import encode, scene
rng, decoded, warned = np.random.default_rng(7), 0, 0
files = [encode(scene(97, 70, 1)), encode(scene(64, 64, 2), "4:2:2", restart=2, optimise=True)]
for i in range(700):
    data = bytearray(files[i % 2])
    scan = read_header(memoryview(bytes(data))).scan
    for at in rng.integers(2, scan if i % 4 else len(data), 2):
        data[at] = rng.integers(0, 256)
    view = memoryview(bytes(data))
    header = read_header(view)
    if header is None or header.width * header.height > 1e6 or not region.can_decode(view, header):
        continue
    x, y = int(rng.integers(header.width)), int(rng.integers(header.height))
    part = region.decode_region(view, header, x, y, header.width, header.height)
    if part is None:
        warned += 1
        continue
    decoded += 1
    whole = cv2.imdecode(np.frombuffer(view, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(part, whole[y:, x:])
print(decoded, warned)
"""


def test_no_mutated_file_ends_the_process_or_decodes_to_other_pixels():
    ran = subprocess.run([sys.executable, "-c", FUZZ], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    decoded, warned = map(int, ran.stdout.split())
    assert decoded > 100
    assert warned > 7


def test_libjpegs_warnings_are_ours_to_hear(capfd):
    data = bytearray(encode(scene(200, 150, 0)))
    middle = len(data) // 2
    data[middle : middle + 40] = b"\xff\xd9" * 20
    view = memoryview(bytes(data))
    header = read_header(view)
    assert region.can_decode(view, header)
    assert region.decode_region(view, header, 10, 100, 150, 150) is None
    assert capfd.readouterr().err == ""
    np.testing.assert_array_equal(
        region.decode_region(view, header, 10, 0, 150, 20),
        cv2.imdecode(np.frombuffer(view, np.uint8), cv2.IMREAD_COLOR)[:20, 10:150, ::-1],
    )
