"""Image files in shards: the files of a data set packed into few large ones, read as if they still lay in its folder.

A packed data set is a folder that looks like the data set's own, but in place of its images there is
``siamtrack-shards/``:

``000000.tar``, ...
    Shards: tar archives of the image files under their paths, readable by tar, WebDataset and all else. JPEGs are
    tiled (:mod:`siamtrack.data.jpeg.tiles`), which other readers need not know.
``index.json``, ``names.npy``, ``files.npy``, ``hashes.npy``
    Where each file lies: :mod:`siamtrack.data.packed.index`.

Readers ask :func:`read_file` and :func:`file_names`, which know loose files as well.
"""

from siamtrack.data.packed.store import file_names, read_file

__all__ = ["file_names", "read_file"]
