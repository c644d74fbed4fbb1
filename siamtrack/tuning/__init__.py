"""Choosing by a validation set: a tracker's settings by search, and a checkpoint among those of a run.

Nothing here trains. A test benchmark is refused as a validation set unless that is asked for in so many words, and then
every table of results that follow from it says so.
"""
