"""Crop policies, one file each: which part of a frame the network sees, and the way back to the frame."""

from siamtrack.crops.context import ContextCrop, context_side, cut, enclosing, mean_colour, square, subwindow, window
from siamtrack.crops.policy import CropPolicy, Jitter, crop_policies

__all__ = [
    "ContextCrop",
    "CropPolicy",
    "Jitter",
    "context_side",
    "crop_policies",
    "cut",
    "enclosing",
    "mean_colour",
    "square",
    "subwindow",
    "window",
]
