"""Miniature data sets, written where a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

Write = Callable[..., Path]


@pytest.fixture
def images() -> Callable[..., list[Path]]:
    """``images(folder, pattern, numbers)`` writes grey frames whose grey level is the file's number."""

    def write(folder: Path, pattern: str, numbers: Iterable[int], size: tuple[int, int] = (32, 24)) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / (pattern % number) for number in numbers]
        for path, number in zip(paths, numbers, strict=True):
            cv2.imwrite(str(path), np.full((size[1], size[0], 3), number % 250, np.uint8))
        return paths

    return write


@pytest.fixture
def text() -> Write:
    """``text(path, content)`` writes a file and the folders above it."""

    def write(path: Path, content: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())
        return path

    return write
