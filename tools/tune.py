"""The command `siamtrack tune` as a script: python tools/tune.py --help."""

from siamtrack.cli import door

if __name__ == "__main__":
    door("tune")
