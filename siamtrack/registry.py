"""Names to classes: how a YAML becomes parts.

A part is a class with one constructor. What the builder gives it (channels, branch, ...) stands before the ``*``,
what the configuration gives stands after it as typed keyword arguments with defaults. ``Registry.build`` holds a
section against that signature, so that a misspelt option or a wrong type is a sentence at build time::

    correlations = Registry("correlation", "MODEL.CORRELATION")

    @correlations.register("depthwise")
    class DepthwiseCorrelation(nn.Module):
        def __init__(self, channels: int, branch: str, *, hidden: int = 256): ...

    correlations.build(cfg.MODEL.CORRELATION, channels=256, branch="cls")
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from siamtrack.config import ConfigError, origin, to_plain

Part = TypeVar("Part")
Class = TypeVar("Class")


class Registry(Generic[Part]):
    """The parts of one kind, by name.

    Args:
        kind: what one of them is called in a sentence (``correlation``).
        section: where its options stand in a configuration (``MODEL.CORRELATION``).
        package: the package whose modules register the built-in parts; imported on first use.
        beside: keys of a section that are not the part's, besides ``NAME``.
    """

    def __init__(self, kind: str, section: str, package: str | None = None, beside: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.section = section
        self._package = package
        self._beside = ("NAME", *beside)
        self._classes: dict[str, type[Part]] = {}

    def register(self, name: str) -> Callable[[type[Class]], type[Class]]:
        """Class decorator: makes the class known under ``name``.

        Raises:
            ValueError: the name is taken; both files are named.
        """

        def keep(part: type[Class]) -> type[Class]:
            other = self._classes.get(name)
            if other is not None and _home(other) != _home(part):
                raise ValueError(
                    f"two classes are registered as {self.kind} {name!r}: {_home(other)} and {_home(part)}. "
                    "Give one of them another name."
                )
            self._classes[name] = cast("type[Part]", part)
            part.registered_name = name  # type: ignore[attr-defined]
            return part

        return keep

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._classes))

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._classes

    def get(self, name: str, where: str = "") -> type[Part]:
        """The class registered under ``name``.

        Raises:
            ConfigError: there is none; names the nearest.
        """
        self._load()
        at = f"{where}: " if where else ""
        if not isinstance(name, str):  # YAML reads a bare `off` as false
            raise ConfigError(f"{at}{name!r} is no name of a {self.kind}{nearest('', self._classes)}")
        if name not in self._classes:
            raise ConfigError(f"{at}there is no {self.kind} {name!r}{nearest(name, self._classes)}")
        return self._classes[name]

    def build(self, section: Mapping[str, Any], **given: Any) -> Part:
        """Make the part a configuration section asks for.

        Args:
            section: ``{NAME: ..., OPTION: ...}``; options in upper case as in YAML.
            **given: the constructor's arguments that stand before its ``*``.

        Raises:
            ConfigError: no or unknown ``NAME``, unknown option, or a value of the wrong type; the sentence says file
                and key, and what would be right.
        """
        if "NAME" not in section:
            raise ConfigError(f"{self.section} names no {self.kind}: add NAME, one of {', '.join(self)}.")
        name = section["NAME"]
        part = self.get(name, where=f"{origin(section, 'NAME')}, key {self.section}.NAME")
        return part(**given, **self.options(part, section))

    def options(self, part: type[Part], section: Mapping[str, Any]) -> dict[str, Any]:
        """A section's options as the part's keyword arguments, checked against its signature and annotations."""
        accepted = configurable(part)
        options: dict[str, Any] = {}
        for key, value in section.items():
            if key in self._beside:
                continue
            where = f"{origin(section, key)}, key {self.section}.{key}"
            if key.lower() not in accepted or key != key.upper():
                known = [option.upper() for option in accepted]
                raise ConfigError(
                    f"{where}: {self.kind} {section.get('NAME', '')!r} has no such option{nearest(key.upper(), known)}"
                )
            options[key.lower()] = _fit(to_plain(value), accepted[key.lower()], where)
        return options

    def _load(self) -> None:
        """Import the package's modules once, so that their classes register themselves."""
        if self._package is None:
            return
        name, self._package = self._package, None  # the modules ask this registry while they are imported
        try:
            package = importlib.import_module(name)
            for path in sorted(Path(cast(str, package.__file__)).parent.glob("*.py")):
                if path.stem != "__init__":
                    importlib.import_module(f"{name}.{path.stem}")
        except BaseException:
            self._package = name  # or else the next question would be answered from half of the parts
            raise


def load_plugins(modules: typing.Iterable[str]) -> None:
    """Import modules that register further parts (``--plugin package.module``, or ``PLUGINS`` in YAML).

    The working directory is importable, as it is for ``python -m``.

    Raises:
        ConfigError: a module cannot be imported; says why.
    """
    if "" not in sys.path:
        sys.path.insert(0, "")
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ConfigError(
                f"plug-in {module!r} cannot be imported ({error}). Give it as package.module, importable from "
                "the working directory or installed."
            ) from error


def configurable(part: type) -> dict[str, Any]:
    """Keyword-only constructor arguments of a part and their annotations: what YAML may set."""
    constructor = part.__init__  # type: ignore[misc]
    hints = typing.get_type_hints(constructor)
    parameters = inspect.signature(constructor).parameters.values()
    return {p.name: hints.get(p.name, Any) for p in parameters if p.kind is p.KEYWORD_ONLY}


def nearest(name: str, known: typing.Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the nearest known one, or all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f". Did you mean {close[0]!r}?"
    return f". Known: {', '.join(known)}." if known else "; it takes none."


def _home(part: type) -> str:
    file = None
    with contextlib.suppress(OSError, TypeError):  # a notebook's classes have no file
        file = inspect.getsourcefile(part)
    return f"{file or part.__module__}:{part.__qualname__}"


def _fit(value: Any, annotation: Any, where: str) -> Any:
    """The value as the annotation wants it (lists become tuples, ints floats), or a sentence."""
    fitted, ok = _convert(value, annotation)
    if not ok:
        raise ConfigError(f"{where}: {value!r} does not fit; it should be {_wanted(annotation)}.")
    return fitted


def _wanted(annotation: Any) -> str:
    """A type in words."""
    origin_type, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin_type is typing.Literal:
        return f"one of {', '.join(map(str, args))}" if len(args) > 1 else str(args[0])
    if origin_type in (typing.Union, types.UnionType):
        return " or ".join(_wanted(choice) for choice in args)
    if origin_type is tuple and args[-1] is Ellipsis:
        return f"a list, each item {_wanted(args[0])}"
    if origin_type is tuple:
        return f"a list of {len(args)}: {', '.join(_wanted(item) for item in args)}"
    if origin_type is dict:
        return f"a section, each value {_wanted(args[1])}"
    words = {type(None): "null", bool: "true or false"}
    return words.get(annotation) or str(getattr(annotation, "__name__", annotation))


def _convert(value: Any, annotation: Any) -> tuple[Any, bool]:
    origin_type, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return value, True
    if origin_type is typing.Literal:
        return value, value in args
    if origin_type in (typing.Union, types.UnionType):
        for choice in args:
            fitted, ok = _convert(value, choice)
            if ok:
                return fitted, True
        return value, False
    if annotation is type(None):
        return value, value is None
    if annotation is bool:
        return value, isinstance(value, bool)
    if annotation is float:
        return (float(value), True) if _is_number(value) else (value, False)
    if annotation is int:
        return value, isinstance(value, int) and not isinstance(value, bool)
    if origin_type is tuple:
        if not isinstance(value, (list, tuple)):
            return value, False
        if len(args) == 2 and args[1] is Ellipsis:
            inner: tuple[Any, ...] = (args[0],) * len(value)
        elif len(args) == len(value):
            inner = args
        else:
            return value, False
        pairs = [_convert(v, a) for v, a in zip(value, inner, strict=True)]
        return tuple(v for v, _ in pairs), all(ok for _, ok in pairs)
    if origin_type is dict:
        if not isinstance(value, Mapping):
            return value, False
        pairs = [_convert(v, args[1]) for v in value.values()]
        return dict(zip(value, (v for v, _ in pairs), strict=True)), all(ok for _, ok in pairs)
    if inspect.isclass(annotation):
        return value, isinstance(value, annotation)
    return value, False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
