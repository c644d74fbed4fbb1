"""The training loop, from top to bottom."""

from __future__ import annotations

from pathlib import Path

from yacs.config import CfgNode

from siamtrack.engine import distributed
from siamtrack.engine.monitor import Step
from siamtrack.engine.report import StepReport
from siamtrack.engine.run import Run
from siamtrack.engine.seeding import seed_step
from siamtrack.engine.step import add_gradients
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
        ConfigError: the configuration does not fit the model, the number of processes or the memory.
        CheckpointError: ``output`` is in use or holds another configuration's run; the last checkpoint cannot be
            written.
        JobError: the processes do not find each other.
        TrainingStopped: ``TRAIN.STOP_AFTER`` steps in a row had to be skipped.
        Interrupted: SIGTERM or SIGUSR1 came; the run is saved.
    """
    settings, steps = cfg.TRAIN, task.steps_per_epoch
    with (
        distributed.session(device, settings.PREFLIGHT) as processes,
        Run(cfg, task, Path(output), processes, resume) as run,
    ):
        progress, learner, monitor = run.progress, run.learner, run.monitor
        run.rehearse()

        for epoch in range(progress.epoch, settings.EPOCHS):
            learner.enter(epoch)
            run.log.begin_epoch(epoch, settings.EPOCHS, progress.step, steps)
            micro_batches = run.micro_batches(epoch)
            run.clock.restart()

            while progress.step < steps:
                seed_step(cfg.SEED, progress.total, processes.rank)
                rates = learner.begin_step(epoch, progress.step / steps)
                report = StepReport(progress.total + 1, settings.SKIP_ABOVE)
                batches = add_gradients(task, learner, micro_batches, run.shard.accumulation, report)
                faults = report.agree(processes, run.interruption.asked)
                report.close(*learner.finish_step(faults), learner.groups)
                progress.advance()
                monitor.push(Step(epoch, report, rates, *run.clock.lap(), batches))
                run.between_steps()

            metrics = monitor.end_epoch(epoch, progress.total, run.validate(epoch))
            progress.next_epoch()
            run.between_epochs(metrics)

        return run.checkpoints.path(progress.position)
