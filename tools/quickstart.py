"""The command `siamtrack quickstart` as a script: python tools/quickstart.py --help."""

from siamtrack.cli import door

if __name__ == "__main__":
    door("quickstart")
