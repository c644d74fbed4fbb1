"""The command `siamtrack convert` as a script: python tools/convert.py --help."""

from siamtrack.cli import door

if __name__ == "__main__":
    door("convert")
