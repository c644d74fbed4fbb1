"""The command `siamtrack eval` as a script: python tools/eval.py --help."""

from siamtrack.cli import door

if __name__ == "__main__":
    door("eval")
