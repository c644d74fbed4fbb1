"""One sequence of the synthetic world: who is in it, how they move, and its frames, drawn when asked for.

A scene is a function of (seed, split, number) alone. Its boxes are known without drawing a pixel; ``draw`` gives
one frame at a time, so a scene also serves as a source of frames that never touch a disk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from siamtrack.data.synthetic.actors import Actor, Sprite, paint
from siamtrack.data.synthetic.backdrop import Backdrop, paint_sheet
from siamtrack.data.synthetic.lens import Lens, random_lens
from siamtrack.data.synthetic.motion import reach, roam, turning_axes, wander
from siamtrack.data.synthetic.shapes import bar, random_outline
from siamtrack.data.synthetic.textures import Texture

SPLITS = ("train", "test")
WIDTH, HEIGHT = 320, 240  # px
MOTION = 60  # frames of motion a training sequence picks its instants from
_MARGIN = 2.0  # px that a target keeps from the frame's edge


@dataclass(frozen=True, eq=False)
class Frame:
    """A drawn frame.

    Attributes:
        image: ``[H, W, 3]`` uint8 RGB.
        visible: 0..1, share of the target that nothing covers.
    """

    image: np.ndarray
    visible: float


@dataclass(frozen=True, eq=False)
class Scene:
    """A target among look-alikes and other things, behind occluders, before a backdrop, through a lens.

    Attributes:
        target: the thing to follow; always whole inside the frame.
        others: things behind the target: look-alikes first, then any.
        look_alikes: how many of ``others`` resemble the target.
        occluders: things before the target.
        backdrop: what stands still behind all.
        camouflage: whether the target wears the backdrop's kind of texture and hues.
        lens: camera shake, light and noise.
        times: ``[T]`` instants of the frames, in frames of the underlying motion.
    """

    target: Actor
    others: tuple[Actor, ...]
    look_alikes: int
    occluders: tuple[Actor, ...]
    backdrop: Backdrop
    camouflage: bool
    lens: Lens
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.times)

    @property
    def boxes(self) -> np.ndarray:
        """``[T, 4]`` float64 xywh, the exact bounds of the target's outline, covered or not."""
        return self.target.boxes()

    @property
    def textures(self) -> tuple[Texture, ...]:
        """Every texture that can be seen."""
        actors = (*self.others, self.target, *self.occluders)
        return self.backdrop.textures + tuple(texture for actor in actors for texture in actor.sprite.textures)

    def compose(self, t: int, target: bool = True) -> np.ndarray:
        """``[H, W, 3]`` uint8 RGB: the things of frame ``t`` before lens and light; without the target if so asked."""
        image = self.backdrop.draw(t, HEIGHT, WIDTH)
        for actor in (*self.others, *((self.target,) if target else ()), *self.occluders):
            actor.draw(image, t)
        return image

    def visible(self, t: int) -> float:
        """Share of the target in frame ``t`` that no occluder covers, 0..1."""
        share = np.zeros((HEIGHT, WIDTH), np.float32)
        covered = self.target.coverage(t, HEIGHT, WIDTH)
        if covered is None:
            return 0.0
        share[covered[0]] = covered[1]
        whole = float(share.sum())
        for occluder in self.occluders:
            before = occluder.coverage(t, HEIGHT, WIDTH)
            if before is not None:
                share[before[0]] *= 1 - before[1].astype(np.float32) / 255
        return float(share.sum()) / whole if whole else 0.0

    def draw(self, t: int) -> Frame:
        """Frame ``t``."""
        return Frame(self.lens.expose(self.compose(t), t), self.visible(t))


def random_scene(seed: int, split: str, number: int, frames: int) -> Scene:
    """Sequence ``number`` of the world ``seed``.

    Training sequences are ``frames`` instants picked from a longer motion, so that their pairs lie near and far in
    time; test sequences are continuous and have look-alikes, an occlusion, or both.

    Args:
        seed: of the world, >= 0.
        split: "train" or "test"; their textures are never the same.
        number: of the sequence, >= 0.
        frames: at least 1.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; the synthetic world has {' and '.join(SPLITS)}")
    if seed < 0 or number < 0 or frames < 1:
        raise ValueError(f"seed {seed}, number {number} and frames {frames}: the first two start at 0, frames at 1")
    return _Stage((seed, SPLITS.index(split), number), split, frames).scene()


class _Stage:
    """Draws the lots of one scene, in a fixed order."""

    def __init__(self, key: tuple[int, ...], split: str, frames: int) -> None:
        self.key, self.test, self.painted = key, split == "test", 0
        self.rng = rng = np.random.default_rng(key)
        span = max(MOTION, frames)
        picked = np.sort(rng.choice(span, frames, replace=False)) if not self.test else np.arange(frames)
        self.times = picked.astype(np.float64)
        self.lens = random_lens(rng, self.times, HEIGHT, WIDTH)
        # what the camera's own motion adds to everything: a pan that lasts, and shake
        pan = np.stack([wander(rng, self.times, 1.0, 150.0), wander(rng, self.times, 1.0, 150.0)], -1)
        self.drift = self.lens.shake + pan * rng.choice([0.0, 20.0, 50.0])

    def scene(self) -> Scene:
        rng = self.rng
        ground = Texture.random(self._key(), (10, 90))
        camouflage = bool(rng.random() < 0.08)
        # darker or lighter than the ground it hides on, or nobody could see it in the first frame
        hidden = ground.sibling(self._key(), brightness=float(rng.choice([0.5, 0.65, 1.4, 1.7])))
        dress = hidden if camouflage else Texture.random(self._key(), (8, 50))
        target = self._target(dress)
        kinds = ("both", "look-alikes", "occlusion") if self.test else ("both", "look-alikes", "occlusion", "neither")
        trouble = rng.choice(kinds)
        look_alikes = int(rng.integers(1, 3)) if trouble in ("both", "look-alikes") else 0
        others = [self._look_alike(target) for _ in range(look_alikes)]
        others += [self._passer_by(target) for _ in range(int(rng.integers(0, 3)))]
        occluders = (self._occluder(target),) if trouble in ("both", "occlusion") else ()
        backdrop = self._backdrop(ground)
        return Scene(target, tuple(others), look_alikes, occluders, backdrop, camouflage, self.lens, self.times)

    def _key(self) -> tuple[int, ...]:
        """A number for one more texture of this scene; never that of another scene."""
        self.painted += 1
        return (*self.key, self.painted)

    def _sprite(self, dress: Texture, outline: np.ndarray | None = None) -> Sprite:
        rng = self.rng
        patches = tuple(Texture.random(self._key(), (8, 50)) for _ in range(int(rng.choice([0, 0, 1, 2, 3]))))
        relief = float(rng.choice([0.0, 0.3, 0.9]))
        return paint(rng, random_outline(rng) if outline is None else outline, (dress, *patches), relief)

    def _axes(self, width: float, height: float, turn: float) -> np.ndarray:
        """Scale, aspect, turn and shear as they change over time, about the size given in px."""
        rng, times = self.rng, self.times
        scale = np.exp(wander(rng, times, rng.uniform(0.1, 0.55), 80.0))
        aspect = np.exp(wander(rng, times, rng.uniform(0, 0.25), 60.0))
        angle = wander(rng, times, turn, 80.0)
        shear = wander(rng, times, rng.choice([0.0, 0.1]), 60.0)
        return turning_axes(width * scale * aspect, height * scale / aspect, angle, shear)

    def _centre(self, sprite: Sprite, axes: np.ndarray, speed: float, margin: float) -> np.ndarray:
        """A path on which the thing keeps ``margin`` px from the edges; a negative margin lets it leave by as much."""
        low, high = reach(axes, sprite.outline)
        still = margin + np.abs(self.lens.shake).max(0)
        first, last = still - low, np.array([WIDTH, HEIGHT]) - still - high
        direction = self.rng.uniform(0, 2 * np.pi)
        velocity = speed * np.array([np.cos(direction), np.sin(direction)])
        way = roam(self.rng, self.times, velocity, (last - first).mean(0))
        return np.asarray(first + way * (last - first) + self.lens.shake, np.float64)

    def _target(self, dress: Texture) -> Actor:
        rng = self.rng
        size, elongation = np.exp(rng.uniform(np.log(34), np.log(76))), np.exp(rng.normal(0, 0.25))
        sprite = self._sprite(dress)
        axes = self._axes(size * elongation, size / elongation, float(rng.choice([0.0, 0.1, 0.3])))
        speed = np.exp(rng.uniform(np.log(0.7), np.log(4.5)))
        return Actor(sprite, self._centre(sprite, axes, speed, _MARGIN), axes)

    def _apart(self, sprite: Sprite, axes: np.ndarray, target: Actor, distance: float) -> Actor:
        """Of some paths the first on which the thing's centre stays ``distance`` target sizes off, or the farthest."""
        size = np.sqrt(target.boxes()[:, 2] * target.boxes()[:, 3])
        best, room = None, -1.0
        for _ in range(6):
            centre = self._centre(sprite, axes, np.exp(self.rng.uniform(np.log(0.3), np.log(4.0))), -20.0)
            gap = np.linalg.norm(centre - target.centre, axis=1) / size
            nearest = min(float(gap.min()), float(gap[0]) - 0.5)  # nobody stands in the first frame's box
            if nearest > room:
                best, room = Actor(sprite, centre, axes), nearest
            if room >= distance:
                break
        assert best is not None
        return best

    def _look_alike(self, target: Actor) -> Actor:
        """A twin (the same looks), a sibling (same kind and colours) or one with the same outline only."""
        rng, original = self.rng, target.sprite
        kind = rng.choice(["twin", "sibling", "outline"], p=[0.05, 0.45, 0.5])
        if kind == "twin":
            sprite = original
        elif kind == "sibling":
            outline = original.outline if rng.random() < 0.6 else None
            sprite = self._sprite(original.textures[0].sibling(self._key()), outline)
        else:
            sprite = self._sprite(Texture.random(self._key(), (8, 50)), original.outline)
        width, height = np.linalg.norm(target.axes.mean(0), axis=0) * np.exp(rng.uniform(-0.25, 0.25, 2))
        return self._apart(sprite, self._axes(width, height, 0.3), target, 1.2 if kind == "twin" else 0.9)

    def _passer_by(self, target: Actor) -> Actor:
        size = np.exp(self.rng.uniform(np.log(20), np.log(90), 2))
        sprite = self._sprite(Texture.random(self._key(), (8, 60)))
        return self._apart(sprite, self._axes(size[0], size[1], 0.3), target, 0.7)

    def _occluder(self, target: Actor) -> Actor:
        """Crosses the target at some instant and covers up to about half of it.

        Either a pole that stands in the world, or something thrown past; both are narrower than the target along
        their way, so that a part of it can always be seen.
        """
        rng, times = self.rng, self.times
        boxes = target.boxes()
        when = int(rng.integers(len(times) // 3, max(len(times) // 3 + 1, len(times) * 5 // 6)))
        smallest = boxes[:, 2:].min(0)
        along = int(rng.integers(2))  # the axis it crosses on
        thick = smallest[along] * rng.uniform(0.25, 0.45)
        pole = rng.random() < 0.5
        size = np.empty(2)
        size[along], size[1 - along] = thick, 700.0 if pole else smallest[1 - along] * rng.uniform(0.5, 1.2)
        sprite = self._sprite(Texture.random(self._key(), (8, 50)), bar() if pole else None)
        speed = rng.uniform(1.5, 4.0) * rng.choice([-1, 1])
        crossing = np.zeros((len(times), 2))
        crossing[:, along] = speed * (times - times[when])
        standing = target.centre[when] + self.drift - self.drift[when]
        clear = (boxes[0, 2 + along] + thick) / 2
        if pole and abs(standing[0, along] - target.centre[0, along]) > clear:
            centre = standing
        else:
            centre = target.centre + crossing
            if when > 0:  # fast enough to have been clear of the target in the first frame
                centre += crossing * max(0.0, 1.1 * clear / (abs(speed) * (times[when] - times[0])) - 1)
        centre[:, 1 - along] += boxes[when, 3 - along] * rng.uniform(-0.25, 0.25)
        still = np.ones(len(times))
        return Actor(sprite, centre, turning_axes(size[0] * still, size[1] * still, 0 * still, 0 * still))

    def _backdrop(self, ground: Texture) -> Backdrop:
        rng, times = self.rng, self.times
        things = [Texture.random(self._key(), (8, 70)) for _ in range(int(rng.integers(0, 7)))]
        return Backdrop(
            picture=paint_sheet(rng, HEIGHT, WIDTH, ground, things),
            textures=(ground, *things),
            shift=self.drift,
            zoom=np.exp(wander(rng, times, rng.choice([0.0, 0.1]), 80.0)),
            roll=wander(rng, times, rng.choice([0.0, 0.05]), 60.0),
        )
