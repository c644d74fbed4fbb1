"""What may be used for choosing: validation sets, not the benchmarks that results are reported on."""

from __future__ import annotations

VALIDATION = ("train", "vot-train", "val")  # splits

_FAMILIES = ("OTB", "CVPR13", "VOT", "UAV", "LaSOT", "GOT10k", "TrackingNet", "NFS", "TC128", "DTB70")


def note(name: str, split: str, on_test_set: bool, what: str) -> tuple[str, ...]:
    """What tables of the results have to say of the choice: nothing where it was made on a validation set.

    Args:
        name: of the data set.
        split: of it, as its reader took it; ``""`` where it has none.
        on_test_set: whether a test benchmark is allowed.
        what: is chosen: ``TRACK settings``, ``the checkpoint``.

    Raises:
        ValueError: it is a test benchmark, and that is not allowed.
    """
    if not is_test_benchmark(name, split):
        return ()
    title = f"{name}:{split}" if split else name
    if not on_test_set:
        raise ValueError(
            f"{title} is a test benchmark: what is chosen on it cannot be reported on it. Choose on a validation set "
            "(got10k:val, lasot:train, sequences of your own), or add --on-test-set, which every table will then say."
        )
    return (f"{what} chosen on {title}, a test benchmark",)


def is_test_benchmark(name: str, split: str = "") -> bool:
    """Whether results are reported on a data set; unknown ones are taken for the user's own."""
    key = _plain(name)
    known = any(key.startswith(_plain(known)) for known in _FAMILIES)
    return known and split not in VALIDATION


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())
