"""YouTube-BoundingBoxes, detection in videos, one frame a second (Real et al., CVPR 2017)."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from siamtrack.data.index import TrackTable
from siamtrack.data.packed import file_names, read_file
from siamtrack.data.paths import PathTable, StringTable
from siamtrack.data.readers import datasets
from siamtrack.data.readers.tabular import TabularDataSet
from siamtrack.data.sequence import DataError

_COLUMNS = np.dtype(
    [("video", "S16"), ("ms", "i8"), ("class", "i4"), ("called", "S24"), ("object", "i4"), ("presence", "S8")]
    + [(side, "f8") for side in ("xmin", "xmax", "ymin", "ymax")]
)
_SETS = ("yt_bb", "youtube_boundingboxes")  # as the archive of the csv is called, and the csv in it
_THREADS = 8


@datasets.register("youtubebb")
class YouTubeBB(TabularDataSet):
    """YouTube-BB as its csv says and as far as frames were saved; many of its videos are gone.

    An object in a video is a sequence, named ``<youtube id>-<class id>-<object id>``; group is the video. Boxes are
    shares of the frame in the csv and become pixels here, by the size of one frame of each video (pysot's scripts
    write the shares as they are into their json). Frames in which the object is absent are kept as such.

    Args:
        root: see :class:`DataSet`.
        sequences: see :class:`DataSet`.
        split: which of the two csv files.
    """

    layout = """\
youtubebb/
    yt_bb_detection_train.csv               (or .csv.gz, or youtube_boundingboxes_detection_train.csv;
                                            likewise ..._validation)
    yt_bb_detection_train/
        0/<youtube id>_<ms>_0_<object id>.jpg ...   one folder a class, as youtube-bb-utility saves them"""
    folders = ("youtubebb", "YouTubeBB", "YouTube-BB", "yt_bb", "youtube-bb")

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        split: Literal["train", "validation"] = "train",
    ) -> None:
        self.split = split
        self._unused = "sequences without a saved frame are left out."
        super().__init__(root, sequences)

    def annotation_files(self) -> Iterable[str]:
        """The csv, and the folders of frames: more may have been saved since."""
        return [os.fspath(self._csv(self.root)), *self._class_folders()]

    def _recognises(self, folder: Path) -> bool:
        return self._csv(folder).is_file()

    def _csv(self, folder: Path) -> Path:
        names = (f"{set_name}_detection_{self.split}{suffix}" for set_name in _SETS for suffix in (".csv", ".csv.gz"))
        places = [folder / name for name in names]
        return next((place for place in places if place.is_file()), places[0])

    @property
    def _frames(self) -> str:
        return os.path.join(self.root, f"yt_bb_detection_{self.split}")

    def _class_folders(self) -> list[str]:
        if not os.path.isdir(self._frames):
            raise DataError(f"{self._frames}: there are no frames beside the csv; expected is\n{self.layout}")
        return sorted(entry.path for entry in os.scandir(self._frames) if entry.is_dir())

    def _read(self) -> TrackTable:
        rows = self._saved(self._annotation())
        names, first, track = np.unique(
            _joined(b"-", rows, "video", "class", "object"), return_index=True, return_inverse=True
        )
        videos, start, video = np.unique(rows["video"][first], return_index=True, return_inverse=True)
        patterns = [
            os.path.join(self._frames, str(kind), f"{os.fsdecode(name)}_%d_{kind}_{number}.jpg")
            for name, kind, number in rows[["video", "class", "object"]][first].tolist()
        ]
        paths = PathTable(StringTable.of(patterns), track.astype(np.int32), rows["ms"])
        size = self._sizes(paths.take(first[start]))[video][track]
        categories, category = np.unique(rows["called"][first], return_inverse=True)
        present = rows["presence"] != b"absent"
        corners = np.stack([rows["xmin"], rows["ymin"], rows["xmax"], rows["ymax"]], 1)
        left, top, right, bottom = (np.where(present[:, None], corners, np.nan) * np.tile(size, 2)).T
        return TrackTable(
            boxes=np.stack([left, top, right - left, bottom - top], 1).astype(np.float32),
            tracks=track.astype(np.int32),
            frames=(rows["ms"] // 1000).astype(np.int32),
            paths=paths,
            names=StringTable.from_bytes(names),
            videos=video.astype(np.int32),
            video_names=StringTable.from_bytes(videos),
            shown=present,
            categories=category.astype(np.int32),
            category_names=StringTable.from_bytes(categories),
        )

    def _annotation(self) -> np.ndarray:
        """``[rows]`` of the csv."""
        file = self._csv(self.root)
        try:
            return np.atleast_1d(np.loadtxt(file, _COLUMNS, delimiter=",", comments=None, encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{file}: is not YouTube-BB's csv ({error}); its columns are youtube_id, timestamp_ms, class_id, "
                "class_name, object_id, object_presence, xmin, xmax, ymin, ymax."
            ) from error

    def _saved(self, rows: np.ndarray) -> np.ndarray:
        """The rows whose frame is there.

        Raises:
            DataError: none is.
        """
        there = [name for folder in self._class_folders() for name in file_names(folder)]
        wanted = np.char.add(_joined(b"_", rows, "video", "ms", "class", "object"), b".jpg")
        rows = rows[np.isin(wanted, np.array(there or [""], "S"))]
        if not len(rows):
            raise DataError(
                f"{self._frames}: holds none of the frames that {self._csv(self.root).name} names; expected is\n"
                f"{self.layout}"
            )
        return rows

    def _sizes(self, frames: PathTable) -> np.ndarray:
        """``[V, 2]`` width and height of one frame of each video."""
        with ThreadPoolExecutor(_THREADS) as pool:
            sizes = list(pool.map(_size, (frames[i] for i in range(len(frames)))))
        return np.array(sizes, np.float64)


def _joined(separator: bytes, rows: np.ndarray, *columns: str) -> np.ndarray:
    """``[rows]`` byte strings: columns one after the other."""
    joined = rows[columns[0]].astype("S")
    for column in columns[1:]:
        joined = np.char.add(np.char.add(joined, separator), rows[column].astype("S"))
    return joined


def _size(path: str) -> tuple[int, int]:
    """Width and height as the file's head says."""
    try:
        with Image.open(io.BytesIO(read_file(path))) as image:
            width, height = image.size
            return width, height
    except OSError as error:
        raise DataError(f"{path}: is no image ({error}), but the size of its video's frames is needed.") from error
