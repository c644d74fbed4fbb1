"""Trackers, and running them over sequences."""

from siamtrack.tracking.load import build_tracker, load_tracker
from siamtrack.tracking.tracker import Result, Tracker

__all__ = ["Result", "Tracker", "build_tracker", "load_tracker"]
