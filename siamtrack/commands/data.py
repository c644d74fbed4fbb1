"""``siamtrack data``: look at data sets, at what training makes of them, and pack them for it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from siamtrack.commands.options import INCOMPLETE, command, configuration, data_root, listed, selection


def add(commands: Any) -> None:
    data = commands.add_parser("data", help="Look at data sets, preview samples, pack images.").add_subparsers(
        dest="what", required=True
    )
    p = command(data, "check", check)
    p.add_argument("name", nargs="?", help="OTB100, GOT-10k, ...")
    p.add_argument("root", nargs="?", help="its folder, or one that holds it")
    selection(p)
    p.add_argument("--cfg", help="in place of a name: all data sets that this configuration trains on")
    data_root(p)
    p.add_argument("--sample", type=int, metavar="N", help="decode at most N frames of a sequence (default: all)")

    p = command(data, "preview", preview)
    configuration(p)
    data_root(p)
    p.add_argument("--output", default="experiments/preview", help="folder for the pictures (default: %(default)s)")
    p.add_argument("--html", action="store_true", help="a page as well, with every sample's files")
    p.add_argument("--samples", type=int, default=12, metavar="N", help="how many (default: %(default)s)")
    p.add_argument("--first", type=int, default=0, metavar="N", help="number of the first (default: %(default)s)")

    p = command(data, "pack", pack)
    p.add_argument("name", help="OTB100, GOT-10k, ...")
    p.add_argument("root", help="its folder, or one that holds it")
    p.add_argument("output", help="the packed data set's own folder; use it wherever the other was used")
    p.add_argument("--split", help="where the data set needs it to be found; all splits in its folder are packed")
    p.add_argument("--shard-size", type=float, default=1024, metavar="MB", help="of a shard (default: %(default)g)")
    p.add_argument("--jobs", type=int, help="processes (default: one per core)")


def check(options: argparse.Namespace) -> int:
    """Say what a data set's folder should hold and what is wrong with it."""
    from siamtrack.data.check import check as look

    if (options.cfg is None) == (options.name is None):
        raise ValueError("name one data set and its folder, or a configuration by --cfg and the folder by --data-root.")
    sound = True
    for name, root, given in _named(options):
        report = look(name, root, sample=options.sample, **given)
        print(report, end="\n\n" if options.cfg else "\n")
        sound &= report.ok
    return 0 if sound else INCOMPLETE


def _named(options: argparse.Namespace) -> list[tuple[str, Any, dict[str, Any]]]:
    """Name, folder and reader's options of each data set to look at."""
    if options.cfg is None:
        given = {"split": options.split} if options.split else {}
        return [(options.name, options.root or options.data_root, {"sequences": listed(options.sequences), **given})]
    from siamtrack import config
    from siamtrack.data.sets import reader_of

    return [reader_of(section, options.data_root) for section in config.load(options.cfg).DATA.SETS]


def preview(options: argparse.Namespace) -> int:
    """Draw what training will see: template and search crops after augmentation, their boxes and labels."""
    from siamtrack import config
    from siamtrack.commands.runs import run_name
    from siamtrack.files import write_text
    from siamtrack.preview.draw import Previewer
    from siamtrack.preview.page import write_page
    from siamtrack.preview.sheet import draw_sheet, write_png
    from siamtrack.registry import load_plugins

    if options.samples < 1 or options.first < 0:
        raise ValueError("--samples should be 1 or more, and --first 0 or more.")
    cfg = config.load(options.cfg, options.overrides, options.plugin)
    load_plugins(cfg.PLUGINS)
    previewer = Previewer(cfg, options.data_root)
    samples = previewer.samples(options.first, options.samples)
    name = run_name(options.cfg)
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    about = (
        f"{cfg.DATA.SAMPLER.NAME} sampling, {cfg.CROP.NAME} crops of {len(samples[0].templates[0].pixels)} and "
        f"{len(samples[0].search.pixels)} px, {cfg.TARGETS.NAME} labels"
    )
    print(write_png(folder / f"{name}.png", draw_sheet(samples, f"{name}: {about}")))
    if options.html:
        write_text(folder / f"{name}.html", write_page(samples, name, about, previewer.data.maker.mixture))
        print(folder / f"{name}.html")
    return 0


def pack(options: argparse.Namespace) -> int:
    """Pack a data set's images into shards, JPEGs as lossless tiles of which the loader decodes only what a crop shows.

    What is interrupted goes on when the same command is given again.
    """
    from tqdm import tqdm

    from siamtrack.data.packed.pack import pack as run

    report = run(
        options.name,
        options.root,
        options.output,
        shard_size=int(options.shard_size * 2**20),
        jobs=options.jobs,
        progress=lambda images, total: tqdm(images, total=total, unit="image", disable=None),
        **({"split": options.split} if options.split else {}),
    )
    print(report)
    return 0
