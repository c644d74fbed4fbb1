"""The commands, one file each: ``add`` describes it to the parser, ``run`` does it and returns the exit code.

A command imports what it needs when it runs, so that ``siamtrack eval`` works without torch.
"""
