"""When a target moves fast, search wider: the motion policy of SiamBAN-ACM's tracker, and a mended one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from siamtrack.config import ConfigError
from siamtrack.crops import CropPolicy

# YAML reads a bare `off` as false
Mode = Literal["off", "released", "symmetric", False]


@runtime_checkable
class Widenable(Protocol):
    """A crop policy that can show more of the frame at the same scale."""

    def widened(self, search_size: int) -> CropPolicy:
        """The same policy with search crops of another side, px."""
        ...


@dataclass(frozen=True)
class _Rule:
    """How one mode decides.

    Attributes:
        fast: (whether it was fast before, shift in x, in y, limit) -> whether it is now; any one unit.
        widened: side of the normal search crop -> of the wide one, px; ``None``: never wide.
    """

    fast: Callable[[bool, float, float, float], bool]
    widened: Callable[[int], int] | None


_RULES = {
    "off": _Rule(lambda fast, dx, dy, limit: False, None),
    # signs count, and nothing takes it back; 510 px give an even map, whose window lies half a cell off its points
    "released": _Rule(lambda fast, dx, dy, limit: fast or dx > limit or dy > limit, lambda size: 2 * size),
    # one pixel more, and the map is odd again
    "symmetric": _Rule(lambda fast, dx, dy, limit: max(abs(dx), abs(dy)) > limit, lambda size: 2 * size + 1),
}


class FastMotion:
    """Which crop policy the next frame is searched with.

    A target whose centre moved by more than half its context side from one frame to the next is fast, and is searched
    for in a crop of twice the side at the same scale. ``released`` is what SiamBAN-ACM's code does: it sees only moves
    to the right and down, and searches wide until the next start. ``symmetric`` sees all directions and ends with the
    first slow frame.

    Args:
        mode: ``off``, ``released`` or ``symmetric``.
        policy: the normal one.

    Attributes:
        fast: whether the next search is wide.

    Raises:
        ConfigError: the policy cannot search wider.

    Source: wencheng256/SiamBAN-ACM ``tracker/siamban_tracker.py``.
    """

    def __init__(self, mode: Mode, policy: CropPolicy) -> None:
        self._rule = _RULES[mode or "off"]
        self._normal = self._wide = policy
        if self._rule.widened is not None:
            if not isinstance(policy, Widenable):
                raise ConfigError(
                    f"TRACK.FAST_MOTION: {mode!r} needs crops that can show more at the same scale, which "
                    f"{type(policy).__name__} cannot; take CROP.NAME context, or FAST_MOTION off."
                )
            self._wide = policy.widened(self._rule.widened(policy.search_size))
        self.fast = False

    @property
    def policy(self) -> CropPolicy:
        """For the next frame."""
        return self._wide if self.fast else self._normal

    def start(self) -> None:
        """A new target: nothing is known of its motion."""
        self.fast = False

    def moved(self, dx: float, dy: float, context_side: float) -> None:
        """Take note of a frame's shift of the centre.

        Args:
            dx: to the right.
            dy: down.
            context_side: of the target before the shift, same unit.
        """
        self.fast = self._rule.fast(self.fast, dx, dy, context_side / 2)
