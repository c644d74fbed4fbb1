"""``tools/train.sbatch`` as a cluster would run it: two tasks, a warning before the end, and the job queued again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from siamtrack.data.synthetic import write_dataset
from tests.tiny import TINY

ROOT = Path(__file__).resolve().parent.parent
STEPS = 40
CONFIG = {
    **TINY,
    "DATA": {**TINY["DATA"], "SAMPLES_PER_EPOCH": 4 * STEPS},
    "TRAIN": {**TINY["TRAIN"], "EPOCHS": 1, "LOG_EVERY": 1},
}

# what SLURM's commands do here, and nothing else: tasks that know their number, signals handed on to them, the largest
# of their codes, and all of them ended with the first that fails
SRUN = """#!{python}
import os, signal, subprocess, sys, time
assert sys.argv[1] == "--kill-on-bad-exit=1"
os.environ["SLURM_NTASKS"] = "2"
places = [{{"SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)}} for i in range(2)]
tasks = [subprocess.Popen(sys.argv[2:], env={{**os.environ, **place}}) for place in places]
signal.signal(signal.SIGUSR1, lambda *_: [task.send_signal(signal.SIGUSR1) for task in tasks])
open("srun.pid", "w").write(str(os.getpid()))
while any(task.poll() is None for task in tasks):
    if any(task.poll() for task in tasks):
        [task.kill() for task in tasks]
    time.sleep(0.05)
sys.exit(max(abs(task.returncode) for task in tasks))
"""
SCONTROL = """#!/bin/bash
if [ "$1 $2" = "show hostnames" ]; then echo 127.0.0.1; else echo "$@" >> requeued; fi
"""


@pytest.fixture
def cluster(tmp_path: Path) -> dict[str, str]:
    """An environment in which the template finds itself in a job."""
    commands = tmp_path / "bin"
    commands.mkdir()
    texts = {"srun": SRUN.format(python=sys.executable), "scontrol": SCONTROL}
    texts["siamtrack"] = f'#!/bin/bash\nexec {sys.executable} -m siamtrack.cli "$@"\n'
    for name, text in texts.items():
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "",
        "SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NODELIST": "here", "TRAINING": str(tmp_path),
    }  # fmt: skip


@pytest.mark.slow
def test_a_warned_job_is_queued_again_and_completes(tmp_path: Path, cluster: dict[str, str]) -> None:
    world = write_dataset(tmp_path / "world", 5, train=6, test=0, train_frames=4)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    command = [
        "bash",
        str(ROOT / "tools/train.sbatch"),
        "--cfg",
        "tiny.yaml",
        "--data-root",
        str(world),
        "--output",
        "run",
    ]
    rows = tmp_path / "run/metrics.jsonl"

    job = subprocess.Popen(
        command, cwd=tmp_path, env=cluster, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 300
    while not (rows.exists() and rows.stat().st_size) and job.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(int((tmp_path / "srun.pid").read_text()), signal.SIGUSR1)
    said, _ = job.communicate(timeout=300)
    assert job.returncode == 0, said
    assert (tmp_path / "requeued").read_text() == f"requeue {cluster['SLURM_JOB_ID']}\n", said
    assert list((tmp_path / "run/checkpoints").glob("epoch-0000-step-*.state.pt")), said

    done = subprocess.run(command, cwd=tmp_path, env=cluster, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "going on in epoch 1" in done.stdout
    assert len((tmp_path / "requeued").read_text().splitlines()) == 1
    steps = [json.loads(line) for line in rows.read_text().splitlines()]
    assert [row["step"] for row in steps if row["kind"] == "step"] == list(range(1, STEPS + 1))
    assert (tmp_path / "run/checkpoints/epoch-0001.safetensors").exists()


@pytest.mark.parametrize(("requeue", "code"), [(0, 0), (1, 75)])
def test_a_stopped_job_is_a_success_only_if_it_is_queued_again(
    tmp_path: Path, cluster: dict[str, str], requeue: int, code: int
) -> None:
    """A job that counted as done although half of it is missing would let those start that depend on it."""
    (tmp_path / "bin/siamtrack").write_text("#!/bin/bash\nexit 75\n")
    (tmp_path / "bin/scontrol").write_text(SCONTROL + f"exit {requeue}\n")
    done = subprocess.run(
        ["bash", str(ROOT / "tools/train.sbatch")],
        cwd=tmp_path, env=cluster, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert (tmp_path / "requeued").read_text() == f"requeue {cluster['SLURM_JOB_ID']}\n"
    assert not list(tmp_path.glob(".slurm-*"))


@pytest.mark.slow
def test_a_job_that_fails_fails(tmp_path: Path, cluster: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", str(ROOT / "tools/train.sbatch"), "--cfg", "missing.yaml"],
        cwd=tmp_path, env=cluster, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "missing.yaml: cannot be read" in done.stderr
    assert not (tmp_path / "requeued").exists()
