"""The command `siamtrack export` as a script: python tools/export.py --help."""

from siamtrack.cli import door

if __name__ == "__main__":
    door("export")
