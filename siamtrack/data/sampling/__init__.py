"""Samplers, one file each: which frames make a sample. Everything is drawn from (seed, number of the sample)."""

from siamtrack.data.sampling.pairs import PairSampler
from siamtrack.data.sampling.registry import FrameDraw, Sampler, samplers

__all__ = ["FrameDraw", "PairSampler", "Sampler", "samplers"]
