"""The command `siamtrack demo` as a script: python tools/demo.py --help."""

from siamtrack.cli import door

if __name__ == "__main__":
    door("demo")
