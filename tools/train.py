"""The command `siamtrack train` as a script: python tools/train.py --help."""

from siamtrack.cli import door

if __name__ == "__main__":
    door("train")
