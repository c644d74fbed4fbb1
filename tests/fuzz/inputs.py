"""Files as they go wrong: good ones of every kind, changed a few times, from a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

NUMBERS = (
    b"nan", b"NaN", b"inf", b"-Infinity", b"1e999", b"-1e-999", b"1e400", b"1" * 400, b"0." + b"1" * 60, b"-", b"+1",
    b"--1", b"1_0", b"0x1F", b"1e", b".", b"1.2.3", b"1,5", b"", b" ", b"m0,0,4,4,1,3", b"None", b"true", b"#", b"1d5",
    "١٢".encode(), "½".encode(), "−1".encode(), b"9007199254740993", b"18446744073709551616", b"-0.0", b"4.9e-324",
)  # fmt: skip
SEPARATORS = (
    b",", b"\t", b" ", b";", b"|", b":", b", ", b",,", b"\n", b"\r\n", b"\r", b"\x0b", b"\x0c", b"\x1c", b"\xc2\x85",
    "\u2028".encode(), "\u00a0".encode(), b"\x00", b"",
)  # fmt: skip


def boxes(form: str, columns: int = 4) -> Callable[[random.Random], bytes]:
    """Rows of boxes or polygons as a tracker or a benchmark writes them."""

    def make(rng: random.Random) -> bytes:
        separator = rng.choice([",", "\t", " "])
        end = rng.choice(["\n", "\n", "\r\n"])
        rows = [separator.join(form % rng.uniform(-20, 900) for _ in range(columns)) for _ in range(rng.randint(1, 12))]
        return (end.join(rows) + rng.choice(["", end])).encode()

    return make


def corners(rng: random.Random) -> bytes:
    """Rows of NFS."""
    rows = [f'0 {rng.randint(0, 9)} 5 {rng.randint(10, 99)} 80 {i} 0 0 1 "ball"' for i in range(rng.randint(1, 9))]
    return "\n".join(rows).encode()


def flags(rng: random.Random) -> bytes:
    """Whole numbers, one a line or in one line."""
    return rng.choice([",", "\n"]).join(str(rng.randint(0, 8)) for _ in range(rng.randint(1, 20))).encode()


def restarts(rng: random.Random) -> bytes:
    """A run of VOT: marks, boxes and corners."""
    kinds = ["0", "2", "1", "5.5,6,7,8", "1,2,3,2,3,4,1,4", "nan,nan,nan,nan"]
    return "\n".join(["1", *rng.choices(kinds, k=rng.randint(0, 12))]).encode()


def confidences(rng: random.Random) -> bytes:
    """Those of a long-term run of twelve rows, the first of which is empty."""
    return "\n".join(["", *(f"{rng.random():.6f}" for _ in range(11))]).encode()


def names(rng: random.Random) -> bytes:
    """A list of sequences."""
    return "\n".join(f"seq-{rng.randint(0, 99)}" for _ in range(rng.randint(1, 9))).encode()


def annotation(rng: random.Random) -> bytes:
    """One of pysot's files."""
    rows = [[rng.randint(0, 99) for _ in range(rng.choice([4, 8]))] for _ in range(rng.randint(1, 5))]
    entry = {
        "img_names": [f"a/{i}.jpg" for i in range(len(rows))], "gt_rect": rows, "attr": ["blur"], "width": 90,
        "height": 80, "occlusion": [0] * len(rows), "absent": [1] * len(rows),
    }  # fmt: skip
    for key in rng.sample(sorted(entry), rng.choice([0, 0, 1, 2])):
        entry[key] = rng.choice([None, 5, "x", [], [[]], {}, [1, "a"], [[1, 2, 3, 4]], float("nan"), -1])
    return json.dumps(rng.choice([{"a": entry}, {"a": entry}, {"a": entry}, [entry], {"a": None}, 3])).encode()


GOOD = (
    boxes("%.2f"), boxes("%.17g"), boxes("%d"), boxes("%.4f"), boxes("%.3f", 8), boxes("%.1e"), boxes("%.3f", 1),
    corners, flags, restarts, confidences, names, annotation,
)  # fmt: skip


def _somewhere(rng: random.Random, data: bytes) -> int:
    return rng.randint(0, len(data))


def truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: _somewhere(rng, data)]


def flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data or b"\x00")
    changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def insert(rng: random.Random, data: bytes) -> bytes:
    at = _somewhere(rng, data)
    return data[:at] + rng.choice(NUMBERS + SEPARATORS) + data[at:]


def cut(rng: random.Random, data: bytes) -> bytes:
    a, b = sorted((_somewhere(rng, data), _somewhere(rng, data)))
    return data[:a] + data[b:]


def renumber(rng: random.Random, data: bytes) -> bytes:
    """Put something else in the place of one number."""
    for separator in (b",", b"\t", b" "):
        fields = data.split(separator)
        if len(fields) > 1:
            fields[rng.randrange(len(fields))] = rng.choice(NUMBERS)
            return separator.join(fields)
    return rng.choice(NUMBERS)


def reseparate(rng: random.Random, data: bytes) -> bytes:
    count = rng.choice([1, 2, -1])
    return data.replace(rng.choice([b",", b"\t", b" ", b"\n", b"."]), rng.choice(SEPARATORS), count)


def double(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    return b"\n".join([*lines[:at], rng.choice(lines), *lines[at:]])


def recode(rng: random.Random, data: bytes) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.encode(rng.choice(["utf-8-sig", "utf-16", "utf-16-le", "utf-32"]), "replace")


def garble(rng: random.Random, data: bytes) -> bytes:
    return rng.randbytes(rng.randint(0, 60))


MUTATIONS = (truncate, flip, insert, cut, renumber, renumber, reseparate, reseparate, double, recode, garble)


def generate(seed: int) -> bytes:
    """The input of a seed: a good file, changed up to four times."""
    rng = random.Random(seed)
    data = rng.choice(GOOD)(rng)
    for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 3, 4])):
        data = rng.choice(MUTATIONS)(rng, data)
    return data
