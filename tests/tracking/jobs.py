"""Jobs for processes of their own, which import them by name."""

from __future__ import annotations

import os
from dataclasses import dataclass

import cv2
import torch

from siamtrack.tracking.crew import Bench


@dataclass(frozen=True)
class Square:
    """Answers a number's square and how many of them its process has made."""

    number: int

    def do(self, bench: Bench) -> tuple[int, int]:
        bench.kept["made"] = bench.kept.get("made", 0) + 1
        return self.number**2, bench.kept["made"]


@dataclass(frozen=True)
class Threads:
    """Answers how many threads torch and OpenCV compute with."""

    def do(self, bench: Bench) -> tuple[int, int]:
        return torch.get_num_threads(), cv2.getNumThreads()


@dataclass(frozen=True)
class Refuse:
    """Raises."""

    def do(self, bench: Bench) -> None:
        raise ValueError("no, thank you.")


@dataclass(frozen=True)
class Die:
    """Ends its process, as the system does when memory is out."""

    def do(self, bench: Bench) -> None:
        os.kill(os.getpid(), 9)
