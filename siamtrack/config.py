"""The configuration tree: defaults, ``_BASE_``, files, command line, and the sentences for what is wrong.

``load`` is the one way in. Order of precedence: defaults < ``_BASE_`` < file < ``KEY VALUE`` on the command line.
Keys are upper case; lists replace. A section that has a ``NAME`` describes a part and takes whatever options the
constructor of that part takes (``siamtrack.registry`` holds them against it when the part is built); giving it
another ``NAME`` drops the options of the part that stood there before. Every value remembers which file set it.

yacs is used here and nowhere else: other rooms receive a frozen ``CfgNode`` and read it like an object.
"""

from __future__ import annotations

import ast
import difflib
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from yacs.config import CfgNode

log = logging.getLogger(__name__)

COMMAND_LINE = "command line"
DEFAULTS = "defaults"


class ConfigError(ValueError):
    """A configuration cannot be used; the message says where, what, and what would be right."""


def defaults() -> dict[str, Any]:
    """The whole tree with its default values; the comments are its reference."""
    return {
        "PLUGINS": [],  # modules that register further parts
        "SEED": 123456,
        "TASK": {"NAME": "tracking"},  # what the engine trains; others come by plug-in
        "MODEL": {
            "INIT": "",  # a siamtrack checkpoint whose weights training starts from
            "INIT_FRESH": [],  # slots that start as they are drawn all the same, such as [enhancer]
            # what the network does to RGB 0..255 first: reorder to BGR or not, subtract MEAN, divide by STD
            "PIXELS": {"ORDER": "bgr", "MEAN": [0.0, 0.0, 0.0], "STD": [1.0, 1.0, 1.0]},
            "BACKBONE": {"NAME": "resnet50"},
            "NECK": {"NAME": "adjust"},
            "ENHANCER": {"NAME": "none"},
            "CORRELATION": {"NAME": "depthwise"},
            "HEAD": {"NAME": "ban"},
        },
        "CROP": {"NAME": "context"},  # the crop policy, for training and tracking alike
        "TARGETS": {"NAME": "points"},
        "LOSSES": [{"NAME": "cross_entropy", "WEIGHT": 1.0}, {"NAME": "iou", "WEIGHT": 1.0}],
        "DATA": {
            # [{NAME: got10k, SPLIT: train, FRAME_RANGE: 100, NUM_USE: 200000, ...}, ...]; all keys: docs/data.md
            "SETS": [],
            "SAMPLES_PER_EPOCH": 1_000_000,
            "SAMPLER": {"NAME": "pairs"},
            "AUGMENT": {
                "GRAY": 0.0,  # probability, for template and search together
                "MIRROR": 0.0,  # probability that the frames of a sample are mirrored, all alike
                # SHIFT px of the crop (or what the crop policy says), SCALE a fraction; COLOR, BLUR, FLIP probabilities
                # of each crop; SCALE_DRAW: uniform, or normal with SCALE its deviation; BRIGHTNESS: factor 1 +- so much
                "TEMPLATE": {
                    "SHIFT": 4.0,
                    "SCALE": 0.05,
                    "SCALE_DRAW": "uniform",
                    "COLOR": 1.0,
                    "BRIGHTNESS": 0.0,
                    "BLUR": 0.0,
                    "FLIP": 0.0,
                },
                "SEARCH": {
                    "SHIFT": 64.0,
                    "SCALE": 0.18,
                    "SCALE_DRAW": "uniform",
                    "COLOR": 1.0,
                    "BRIGHTNESS": 0.0,
                    "BLUR": 0.2,
                    "FLIP": 0.0,
                },
            },
            "WORKERS": 4,  # loader processes per device
            # of parts of JPEGs that are not packed: auto, nvimgcodec (an extra); or whole, never in part
            "DECODER": "auto",
            "UNREADABLE": 0.01,  # largest share of samples that may be replaced because an image cannot be read
        },
        "TRAIN": {
            "EPOCHS": 20,
            "BATCH": 28,  # pairs in one optimiser step, over all devices: the truth
            "DEVICE_BATCH": 0,  # pairs in one forward pass of one device; 0: BATCH / devices; accumulation fills
            # "sum": gradients are those of BATCH / REPLICA_BATCH devices added up, as pysot does; "mean": averaged
            "GRADIENT_REDUCTION": "mean",
            "REPLICA_BATCH": 28,
            "PRECISION": "fp32",  # fp32, bf16, fp16
            "MEMORY_FORMAT": "contiguous",  # or channels_last: faster on most devices, CPUs too
            "COMPILE": False,  # torch.compile; needs a C compiler, and does without where there is none
            # shell patterns of modules whose activations are computed again in the backward pass, to save memory:
            # ['backbone.layer?.*'] is every block of a ResNet
            "CHECKPOINTING": [],
            "SYNC_BATCHNORM": False,  # batch norm over all GPUs of a step
            "FOLD_FROZEN": False,  # batch norms that no longer learn are folded into frozen convolutions before them
            "EMA": 0.0,  # decay of a moving average of the weights, which is then what is validated and kept; 0: none
            "CLIP": 10.0,  # largest total gradient norm; 0: no clipping
            "SKIP_ABOVE": 1e4,  # a step with a larger, infinite or NaN loss is skipped by all devices
            "STOP_AFTER": 10,  # skipped steps in a row
            "OPTIMIZER": {"NAME": "sgd"},
            "SCHEDULE": {"NAME": "log"},
            # [{FROM: epoch, LEARN: [patterns], LR: {pattern: factor}, EVAL: [patterns], FRESH_OPTIMIZER: bool}, ...]
            "PHASES": [],
            "REHEARSE": True,  # a step of every phase is tried before the first epoch, and everything put back
            "PREFLIGHT": 300.0,  # seconds within which all processes must have found and heard each other
            "LOG_EVERY": 50,  # steps
            "PICTURE_EVERY": 1000,  # steps from one picture of samples, labels and scores to the next; 0: none
            "SAVE_EVERY": 1,  # epochs
            "SAVE_STEPS": 0,  # steps within an epoch after which to save as well; 0: at the end of epochs alone
            "VALIDATE_EVERY": 1,  # epochs, if the task validates; the last one always; 0: the last one alone
            # a small tracking run: the first FRAMES of SEQUENCES that lie evenly among those of SETS; 0: all
            "VALIDATE": {
                "SETS": [],  # [{NAME: got10k, SPLIT: val, ...}, ...]; none: no tracking run
                "SEQUENCES": 10,
                "FRAMES": 100,
            },
            "BEST": "success",  # the score of validation whose best checkpoint is kept as best.safetensors; "": none
            "WANDB": "",  # project at Weights & Biases that the run's numbers go to as well; "": none
            "KEEP": 0,  # newest epoch checkpoints kept; 0: all
            "DETERMINISTIC": True,
        },
        "TRACK": {"NAME": "dense"},
        "OUTPUT": "",  # the run's folder; "": experiments/<name of the configuration file>
    }


def load(
    path: str | os.PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    plugins: Sequence[str] = (),
) -> CfgNode:
    """Resolve a configuration.

    Args:
        path: YAML file; ``None`` for the defaults alone.
        overrides: ``KEY VALUE KEY VALUE ...``; dotted keys, list items by index (``LOSSES.0.WEIGHT``).
        plugins: modules to add to ``PLUGINS``.

    Returns:
        A frozen tree.

    Raises:
        ConfigError: unreadable file, unknown key, wrong type, odd number of overrides, circular ``_BASE_``.
    """
    tree = _node(defaults(), DEFAULTS)
    if path is not None:
        _merge_file(tree, Path(path), seen=())
    _merge_overrides(tree, overrides)
    if plugins:
        tree.PLUGINS = [*tree.PLUGINS, *(p for p in plugins if p not in tree.PLUGINS)]
    tree.freeze()
    return tree


def loads(text: str, source: str) -> CfgNode:
    """A configuration from the text ``dump`` made (a checkpoint holds one); ``source`` names it in errors."""
    tree = _node(defaults(), DEFAULTS)
    _merge(tree, _parse(text, source), source)
    tree.freeze()
    return tree


def dump(cfg: Mapping[str, Any]) -> str:
    """The resolved tree as YAML; ``loads`` reads it back to an equal tree."""
    return yaml.safe_dump(to_plain(cfg), sort_keys=False, default_flow_style=None, width=100)


def override(cfg: CfgNode, pairs: Sequence[str]) -> CfgNode:
    """A copy of a resolved tree with further ``KEY VALUE`` pairs applied."""
    tree = cfg.clone()
    tree.defrost()
    _merge_overrides(tree, pairs)
    tree.freeze()
    return tree


def to_plain(value: Any) -> Any:
    """Trees as dicts, recursively; other values as they are."""
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


def origin(section: Mapping[str, Any], key: str) -> str:
    """Where the value of ``section[key]`` was set: a file, ``command line`` or ``defaults``."""
    return str(getattr(section, "__dict__", {}).get("origins", {}).get(key, DEFAULTS))


# Merging ------------------------------------------------------------------------------------------------------------


def _node(value: Any, source: str) -> Any:
    """Dicts as trees that remember the source of their values, also inside lists."""
    if isinstance(value, Mapping):
        node = CfgNode()
        node.__dict__["origins"] = {}
        for key, item in value.items():
            _put(node, str(key), _node(item, source), source)
        return node
    if isinstance(value, (list, tuple)):
        return [_node(item, source) for item in value]
    return value


def _put(node: CfgNode, key: str, value: Any, source: str) -> None:
    node[key] = value
    node.__dict__["origins"][key] = source


def _merge_file(tree: CfgNode, path: Path, seen: tuple[Path, ...]) -> None:
    resolved = path.resolve()
    if resolved in seen:
        raise ConfigError(f"{path}: _BASE_ leads back to the file itself ({' -> '.join(p.name for p in seen)}).")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}). --cfg takes a YAML file, see configs/.") from error
    values = _parse(text, str(path))
    base = values.pop("_BASE_", None)
    if base is not None:
        _merge_file(tree, path.parent / str(base), (*seen, resolved))
    _merge(tree, values, str(path))


class _Loader(yaml.SafeLoader):
    """YAML with 1e-4 read as a number and a key given twice refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for i, key in enumerate(keys) if key in keys[:i]), None)
        if twice is not None:
            raise ConfigError(f"key {twice} stands twice in one section (line {node.start_mark.line + 1} and below)")
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)|\.?[0-9]+[eE][-+]?[0-9]+)$"),
    list("-+.0123456789"),
)


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        values = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: is not valid YAML: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: should hold KEY: value lines, but holds {type(values).__name__}.")
    return values


def _merge(tree: CfgNode, values: Mapping[str, Any], source: str, above: str = "") -> None:
    """Put a file's values into the tree, key by key."""
    if "NAME" in tree and values.get("NAME", tree.NAME) != tree.NAME:
        _rename(tree, values["NAME"], source, above)
    for key, value in values.items():
        dotted = f"{above}{key}"
        if key not in tree:
            if "NAME" not in tree:  # in a part's section the registry knows the options
                raise ConfigError(f"{source}, key {dotted}: there is no such option{_nearest(str(key), tree)}")
            _put(tree, str(key), _node(value, source), source)
        elif isinstance(tree[key], CfgNode) and isinstance(value, Mapping) and "NAME" not in tree:
            _merge(tree[key], value, source, f"{dotted}.")
        else:
            _put(tree, str(key), _typed(tree, str(key), _node(value, source), f"{source}, key {dotted}"), source)


def _rename(section: CfgNode, name: str, source: str, above: str) -> None:
    """Another part in a section: the options of the former one go."""
    dropped = [key for key in section if key != "NAME"]
    if dropped:
        log.info(
            "%s: %sNAME is now %s, so the options of %s are dropped: %s",
            source, above, name, section.NAME, ", ".join(dropped),
        )  # fmt: skip
    for key in dropped:
        del section[key]
    _put(section, "NAME", name, source)


def _merge_overrides(tree: CfgNode, overrides: Sequence[str]) -> None:
    if len(overrides) % 2:
        raise ConfigError(f"{COMMAND_LINE}: options come as KEY VALUE pairs, but {overrides[-1]!r} has no value.")
    for dotted, text in zip(overrides[::2], overrides[1::2], strict=True):
        node, key = _walk(tree, dotted)
        value = _decode(text)
        if isinstance(node, list):
            node[int(key)] = _node(value, COMMAND_LINE)
        else:
            _merge(node, {key: value}, COMMAND_LINE, dotted[: len(dotted) - len(key)])


def _walk(tree: CfgNode, dotted: str) -> tuple[Any, str]:
    """The section (or list) that a dotted key lies in, and its last part."""
    *path, last = dotted.split(".")
    node: Any = tree
    for depth, key in enumerate(path):
        at = f"{COMMAND_LINE}, key {'.'.join(path[: depth + 1])}"
        node = _child(node, key, at)
        if not isinstance(node, (CfgNode, list)):
            raise ConfigError(f"{at}: is a value, not a section, so {dotted} does not exist.")
    if isinstance(node, list):
        _child(node, last, f"{COMMAND_LINE}, key {dotted}")
    return node, last


def _child(node: Any, key: str, at: str) -> Any:
    if isinstance(node, list):
        if not key.isdigit() or int(key) >= len(node):
            raise ConfigError(f"{at}: the list has {len(node)} items; give an index from 0 to {len(node) - 1}.")
        return node[int(key)]
    if key not in node:
        raise ConfigError(f"{at}: there is no such section{_nearest(key, node)}")
    return node[key]


def _decode(text: Any) -> Any:
    """A command-line word as a value: Python or YAML spelling, otherwise the word itself."""
    if not isinstance(text, str) or not text:  # YAML would read an empty word as null
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError):
        pass
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        return text


def _typed(tree: CfgNode, key: str, value: Any, where: str) -> Any:
    """The value in the type that the key already has; integers may stand for floats."""
    old = tree[key]
    if "NAME" in tree and key != "NAME":  # the constructor's annotation decides, at build
        return value
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(old) is not type(value):
        expected = "a section of KEY: value lines" if isinstance(old, CfgNode) else f"{type(old).__name__}"
        raise ConfigError(
            f"{where}: {to_plain(value)!r} does not fit; it should be {expected}, like {to_plain(old)!r}."
        )
    return value


def _nearest(key: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(key.upper(), names, n=1, cutoff=0.5)
    return f". Did you mean {close[0]}?" if close else f". Known here: {', '.join(names)}."
