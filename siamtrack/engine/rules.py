"""What a run tells before it begins: how the batch is made up, and by what rule the learning rates come about."""

from __future__ import annotations

from yacs.config import CfgNode

from siamtrack.engine.learner import Learner
from siamtrack.engine.optimizer import parameter_groups
from siamtrack.engine.task import Shard


def rules(train: CfgNode, learner: Learner, shard: Shard) -> list[str]:
    """Lines for people: the batch, the gradient, the rates, and a line for every phase."""
    world, size, passes = shard.world, shard.device_batch, shard.accumulation
    processes = "1 process" if world == 1 else f"{world} processes"
    times = "1 pass" if passes == 1 else f"{passes} passes"
    if train.GRADIENT_REDUCTION == "sum":
        gradient = (
            f"summed as over {learner.factor:g} devices of {train.REPLICA_BATCH} samples (mean x {learner.factor:g})"
        )
    else:
        gradient = "the mean over the batch"
    schedule = learner.schedule
    start, middle, end = (schedule.factor(epoch) for epoch in (0, train.EPOCHS // 2, max(train.EPOCHS - 1, 0)))
    lines = [
        f"batch {shard.batch} = {processes} x {times} x {size} samples; the gradient is {gradient}",
        f"learning rate {learner.optimizer.defaults['lr']:g} ({train.OPTIMIZER.NAME}) x the group's factor x schedule "
        f"{train.SCHEDULE.NAME}: x {start:.3g} in the first epoch, x {middle:.3g} in the middle, x {end:.3g} in the "
        "last; it belongs to the whole batch and does not follow the number of processes",
    ]
    return lines + [_phase(learner, index) for index in range(len(learner.phases))]


def _phase(learner: Learner, index: int) -> str:
    phase = learner.phases[index]
    groups = []
    for group in parameter_groups(learner.model, phase):
        millions = sum(parameter.numel() for _, parameter in group["params"]) / 1e6
        groups.append(f"{group['part']} x {group['factor']:g} ({millions:.2f} M)")
    return f"phase {index + 1} from epoch {phase.start + 1}: learning {', '.join(groups)}"
