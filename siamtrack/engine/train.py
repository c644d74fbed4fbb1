"""The training loop, from top to bottom."""

from __future__ import annotations

from pathlib import Path

import torch
from yacs.config import CfgNode

from siamtrack.engine import distributed
from siamtrack.engine.monitor import Step
from siamtrack.engine.report import StepReport
from siamtrack.engine.run import Run, due
from siamtrack.engine.seeding import seed_step
from siamtrack.engine.task import Task


def train(cfg: CfgNode, task: Task, output: str | Path, resume: bool = False, device: str | None = None) -> Path:
    """Train a task's model, from the beginning or from the newest checkpoint.

    Args:
        cfg: the resolved configuration; the loop reads ``TRAIN`` and ``SEED``.
        task: what is trained; its model holds the initial weights.
        output: folder of the run: ``config.yaml``, ``metrics.jsonl``, ``tensorboard/``, ``checkpoints/``.
        resume: go on with the run in ``output``; the result is that of a run without a break, bit for bit on the CPU.
        device: where to compute; ``None``: this process's GPU, or the CPU where there is none.

    Returns:
        The weights file of the last checkpoint.

    Raises:
        ConfigError: the configuration does not fit the model or the number of processes.
        CheckpointError: ``output`` is in use or holds another configuration's run; the last checkpoint cannot be
            written.
        TrainingStopped: ``TRAIN.STOP_AFTER`` steps in a row had to be skipped.
    """
    settings, steps = cfg.TRAIN, task.steps_per_epoch
    with distributed.session(device) as processes, Run(cfg, task, Path(output), processes, resume) as run:
        progress, learner, shard = run.progress, run.learner, run.shard

        for epoch in range(progress.epoch, settings.EPOCHS):
            learner.enter(epoch)
            run.log.begin_epoch(epoch, settings.EPOCHS, progress.step, steps)
            micro_batches = run.micro_batches(epoch)
            run.clock.restart()

            while progress.step < steps:
                seed_step(cfg.SEED, progress.total, processes.rank)
                rates = learner.begin_step(epoch, progress.step / steps)
                report = StepReport(progress.total + 1, settings.SKIP_ABOVE)
                batches = []
                for part in range(shard.accumulation):
                    batch = next(micro_batches)
                    with learner.synchronised(part == shard.accumulation - 1):
                        with learner.autocast():
                            terms = task.losses(learner.wrapped, batch)
                        learner.backward(torch.stack(list(terms.values())).sum())
                    report.add(terms)
                    batches.append(batch)
                faults = report.agree(processes)
                report.close(*learner.finish_step(faults))
                progress.advance()
                run.monitor.push(Step(epoch, report, rates, *run.clock.lap(), batches))
                if due(progress.step, settings.SAVE_STEPS) and progress.step < steps:
                    run.save()

            scores = run.validate(epoch)
            metrics = run.monitor.end_epoch(epoch, progress.total, scores)
            progress.next_epoch()
            if due(progress.epoch, settings.SAVE_EVERY) or progress.epoch == settings.EPOCHS:
                run.save(metrics)

        return run.checkpoints.path(progress.position)
