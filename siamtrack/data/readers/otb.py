"""OTB: tracker benchmark 2013, 50 and 100 (Wu, Lim, Yang: CVPR 2013, PAMI 2015)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Literal

from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import folders_in, frame_number, image_frames, image_names, read_rows
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, Sequence


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TB50 = _names("""
    Basketball Biker Bird1 BlurBody BlurCar2 BlurFace BlurOwl Bolt Box Car1 Car4 CarDark CarScale ClifBar Couple Crowds
    David Deer Diving DragonBaby Dudek Football Freeman4 Girl Human3 Human4-2 Human6 Human9 Ironman Jump Jumping Liquor
    Matrix MotorRolling Panda RedTeam Shaking Singer2 Skating1 Skating2-1 Skating2-2 Skiing Soccer Surfer Sylvester
    Tiger2 Trellis Walking Walking2 Woman
""")
TB100 = tuple(
    sorted(
        TB50
        + _names("""
    Bird2 BlurCar1 BlurCar3 BlurCar4 Board Bolt2 Boy Car2 Car24 Coke Coupon Crossing Dancer Dancer2 David2 David3
    Dog Dog1 Doll FaceOcc1 FaceOcc2 Fish FleetFace Football1 Freeman1 Freeman3 Girl2 Gym Human2 Human5 Human7 Human8
    Jogging-1 Jogging-2 KiteSurf Lemming Man Mhyang MountainBike Rubik Singer1 Skater Skater2 Subway Suv Tiger1 Toy
    Trans Twinnings Vase
""")
    )
)
CVPR13 = _names("""
    Basketball Bolt Boy Car4 CarDark CarScale Coke Couple Crossing David David2 David3 Deer Dog1 Doll Dudek FaceOcc1
    FaceOcc2 Fish FleetFace Football Football1 Freeman1 Freeman3 Freeman4 Girl Ironman Jogging-1 Jogging-2 Jumping
    Lemming Liquor Matrix Mhyang MotorRolling MountainBike Shaking Singer1 Singer2 Skating1 Skiing Soccer Subway Suv
    Sylvester Tiger1 Tiger2 Trellis Walking Walking2 Woman
""")
TARGETS = {"100": TB100, "50": TB50, "2013": CVPR13}
# first and last file number of the sequences that the benchmark's list does not use from number 1 to the end
WINDOWS = {
    "BlurCar1": (247, 988),
    "BlurCar3": (3, 359),
    "BlurCar4": (18, 397),
    "David": (300, 770),
    "Diving": (1, 215),
    "Football1": (1, 74),
    "Freeman3": (1, 460),
    "Freeman4": (1, 283),
    "Tiger1": (6, 354),
}


@datasets.register("otb")
class Otb(DataSet):
    """OTB as downloaded, whole or in part; its numbers count from 1.

    Sequences with two annotated targets are two, ``Jogging-1`` and ``Jogging-2``, with ``Jogging`` as their group
    (pysot's names). A frame is the file whose number the benchmark's list of windows gives; only annotated frames
    count. Attributes are read from pysot's ``OTB100.json`` if it lies in the root.

    Args:
        root: see :class:`DataSet`.
        sequences: targets, or folders (then all targets in them), in the list or not; see :class:`DataSet`.
        version: the 100 targets, the harder 50 of them (TB-50), or the 51 of CVPR 2013, which is another list.
    """

    layout = """\
OTB100/
    Basketball/
        img/0001.jpg ...
        groundtruth_rect.txt    x,y,w,h a line, separated by commas, tabs or blanks
                                (two targets: groundtruth_rect.1.txt, groundtruth_rect.2.txt)"""

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        version: Literal["100", "50", "2013"] = "100",
    ) -> None:
        self.version = version
        own = {"100": ("OTB100", "OTB2015"), "50": ("OTB50", "TB50"), "2013": ("OTB2013", "CVPR13")}[version]
        self.folders = tuple(dict.fromkeys((*own, "OTB100", "OTB2015", "OTB", "otb")))
        super().__init__(root, sequences)
        self._attributes = _attributes(self.root / "OTB100.json")

    def _recognises(self, folder: Path) -> bool:
        return folder.is_dir() and any(_annotations(folder / name) for name in folders_in(folder))

    def _choose(self, sequences: SequenceOf[str]) -> tuple[str, ...]:
        chosen: list[str] = []
        for name in sequences:
            targets = [target for target in TB100 if _folder(target) == name]
            chosen.extend(targets or [name])
        return tuple(chosen)

    def _list(self) -> SequenceOf[str]:
        on_disk = frozenset(folders_in(self.root))
        targets = TARGETS[self.version]
        return self._present(targets, frozenset(target for target in targets if _folder(target) in on_disk))

    def _open(self, name: str) -> Sequence:
        group = name if (self.root / name).is_dir() else _folder(name)
        folder = self.root / group
        annotation = _annotation(folder, name.removeprefix(group).removeprefix("-"))
        boxes = read_rows(annotation)
        files = image_names(folder / "img")
        first, last = WINDOWS.get(group, (1, 0))
        if first > 1 and len(boxes) == last:  # the annotation starts before the window does (Tiger1)
            boxes = boxes[first - 1 :]
        if len(files) != len(boxes):
            known = group in WINDOWS or name in TB100
            files = _window(files, first, len(boxes)) if known else files
        if len(files) != len(boxes):
            raise DataError(
                f"{annotation}: has {len(boxes)} boxes, but {folder / 'img'} holds {len(image_names(folder / 'img'))} "
                f"images, of which {len(files)} fit; every box needs its frame."
            )
        return Sequence(
            name,
            image_frames(folder / "img", files),
            boxes,
            offset=1.0,
            attributes=self._attributes.get(name, ()),
            group=group,
        )


def _folder(target: str) -> str:
    """The folder of a target: ``Jogging-2`` lies in ``Jogging``."""
    head, _, tail = target.rpartition("-")
    return head if head and tail.isdigit() else target


def _annotations(folder: Path) -> list[Path]:
    """The files with boxes; Human4 comes with a stray, empty ``groundtruth_rect1.txt``, which is none."""
    return sorted(
        p for p in folder.glob("groundtruth_rect*.txt") if p.stem.removeprefix("groundtruth_rect")[:1] in ("", ".")
    )


def _annotation(folder: Path, target: str) -> Path:
    """The file with the boxes of target ``1`` or ``2``, or of the only one (empty ``target``)."""
    named = folder / (f"groundtruth_rect.{target}.txt" if target else "groundtruth_rect.txt")
    present = _annotations(folder)
    if len(present) == 1 and not target:
        return present[0]
    listed = [name for name in TB100 if _folder(name) == folder.name]
    if listed == [f"{folder.name}-{target}"] and present == [folder / "groundtruth_rect.txt"]:
        return present[0]  # Human4-2 in copies that dropped the number
    if named not in present and len(present) > 1:
        raise DataError(
            f"{folder}: holds no {named.name} but {', '.join(p.name for p in present)}; name the target, "
            f"such as {folder.name}-1."
        )
    return named


def _window(files: SequenceOf[str], first: int, count: int) -> list[str]:
    """The files with the numbers ``first .. first + count - 1``."""
    return [name for name in files if first <= frame_number(name) < first + count]


def _attributes(path: Path) -> dict[str, tuple[str, ...]]:
    if not path.is_file():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {name: tuple(entry.get("attr") or ()) for name, entry in entries.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise DataError(f"{path}: is not pysot's annotation file ({error}); repair or remove it.") from error
