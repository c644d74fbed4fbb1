"""The command `siamtrack pack` as a script: python tools/pack.py --help."""

from siamtrack.cli import door

if __name__ == "__main__":
    door("pack")
