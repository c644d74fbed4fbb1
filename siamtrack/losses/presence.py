"""The score of a corner head: is the target in the search crop?"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from siamtrack.config import ConfigError
from siamtrack.contracts import Corners, Targets
from siamtrack.losses.registry import terms


@terms.register("presence")
class PresenceLoss:
    """Binary cross entropy of the score's logit with whether the target is there, mean over the batch.

    Raises:
        ConfigError: when called, which the tracking task does as it is built: the head gives no score.

    Source: STARK ``lib/train/actors/stark_st.py``.
    """

    serves = (Corners,)

    def __call__(self, prediction: Corners, targets: Targets) -> Tensor:
        if prediction.score is None:
            raise ConfigError("LOSSES: the term 'presence' judges a score, but the head gives none; set HEAD.SCORE.")
        return F.binary_cross_entropy_with_logits(prediction.score, targets.present.to(prediction.score.dtype))
