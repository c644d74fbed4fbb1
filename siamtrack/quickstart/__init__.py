"""The main job in small: draw a world, train a SiamBAN on it, test it on held-out sequences, show what came of it.

Nothing here tracks, trains or scores by itself: it calls what ``siamtrack train``, ``test`` and ``eval`` call.

>>> from siamtrack.quickstart.pipeline import quickstart
>>> quickstart("experiments/quickstart", seed=0)["success_auc"]
"""
