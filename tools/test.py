"""The command `siamtrack test` as a script: python tools/test.py --help."""

from siamtrack.cli import door

if __name__ == "__main__":
    door("test")
