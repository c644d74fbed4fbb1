"""The command `siamtrack ablate` as a script: python tools/ablate.py --help."""

from siamtrack.cli import door

if __name__ == "__main__":
    door("ablate")
