"""From a weights file to a tracker, and what stands in the way."""

from __future__ import annotations

import pytest

from siamtrack.config import ConfigError
from siamtrack.tracking import load_tracker
from tests.tiny import tiny_checkpoint


def test_weights_of_another_size_are_a_sentence(tmp_path):
    checkpoint = tiny_checkpoint(tmp_path / "tiny.safetensors")
    with pytest.raises(ConfigError, match=r"tiny.safetensors: .* \d+ of another size \(first: size mismatch for "):
        load_tracker(checkpoint, "cpu", ("MODEL.HEAD.HIDDEN", "24"))
