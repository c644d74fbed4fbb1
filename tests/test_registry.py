"""Names to classes, options against signatures, plug-ins."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Literal

import pytest

from siamtrack.config import ConfigError
from siamtrack.registry import Registry, load_plugins


@pytest.fixture
def registry():
    shapes = Registry("shape", "MODEL.SHAPE")

    @shapes.register("box")
    class Box:
        def __init__(
            self,
            colour: str,
            *,
            side: float = 1.0,
            corners: tuple[int, ...] = (),
            kind: Literal["soft", "hard"] = "soft",
            hollow: bool = False,
            lid: str | None = None,
        ) -> None:
            self.colour, self.side, self.corners, self.kind, self.hollow, self.lid = (
                colour, side, corners, kind, hollow, lid,
            )  # fmt: skip

    return shapes


def test_builds_with_given_and_configured_arguments(registry):
    box = registry.build({"NAME": "box", "SIDE": 2, "CORNERS": [1, 2], "LID": None}, colour="red")
    assert (box.colour, box.side, box.corners, box.kind) == ("red", 2.0, (1, 2), "soft")
    assert isinstance(box.side, float)


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"NAME": "bxo"}, "there is no shape 'bxo'. Did you mean 'box'?"),
        ({}, "MODEL.SHAPE names no shape: add NAME, one of box."),
        ({"NAME": "box", "SIED": 2}, "key MODEL.SHAPE.SIED: shape 'box' has no such option. Did you mean 'SIDE'?"),
        ({"NAME": "box", "COLOUR": "red"}, "key MODEL.SHAPE.COLOUR: shape 'box' has no such option"),
        ({"NAME": "box", "SIDE": "two"}, "key MODEL.SHAPE.SIDE: 'two' does not fit; it should be float"),
        ({"NAME": "box", "CORNERS": [1, "2"]}, "it should be a list, each item int."),
        ({"NAME": "box", "KIND": "wet"}, "it should be one of soft, hard."),
        ({"NAME": "box", "HOLLOW": 1}, "it should be true or false."),
        ({"NAME": "box", "LID": 1}, "it should be str or null."),
        ({"NAME": "box", "side": 1.0}, "has no such option"),
    ],
)
def test_what_is_wrong_is_a_sentence(registry, section, sentence):
    with pytest.raises(ConfigError) as error:
        registry.build(section, colour="red")
    assert sentence in str(error.value)


def test_a_module_that_cannot_be_imported_is_told_every_time(tmp_path, monkeypatch):
    """Not once, and then that there is no such part."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_room").mkdir()
    (tmp_path / "broken_room" / "__init__.py").touch()
    (tmp_path / "broken_room" / "part.py").write_text("import a_library_that_is_not_there\n")
    parts = Registry("part", "MODEL.PART", package="broken_room")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="a_library_that_is_not_there"):
            parts.get("any")


def test_a_name_taken_twice_names_both_files(registry):
    with pytest.raises(ValueError, match=r"two classes are registered as shape 'box': .*test_registry.*Give one"):

        @registry.register("box")
        class Other:
            pass


def test_a_plugin_registers_parts(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_part.py").write_text(
        "from siamtrack.losses import terms\n\n@terms.register('my_term')\nclass MyTerm:\n    serves = ()\n"
    )
    load_plugins(["my_part"])
    from siamtrack.losses import terms

    assert "my_term" in terms


def test_a_missing_plugin_is_a_sentence():
    with pytest.raises(ConfigError, match=r"plug-in 'no\.such\.module' cannot be imported"):
        load_plugins(["no.such.module"])


@pytest.mark.parametrize("name", [False, 3, None, ["box"]])
def test_a_name_that_is_none_is_a_sentence(registry, name):
    """YAML reads a bare `off` as false."""
    with pytest.raises(ConfigError, match=r"key MODEL.SHAPE.NAME: .* is no name of a shape. Known: box."):
        registry.build({"NAME": name}, colour="red")


def test_a_key_beside_the_options_is_known_to_its_registry_alone(registry):
    weighed = Registry("shape", "MODEL.SHAPE", beside=("WEIGHT",))
    weighed.register("box")(registry.get("box"))
    assert weighed.build({"NAME": "box", "WEIGHT": 2.0}, colour="red").side == 1.0
    with pytest.raises(ConfigError, match="shape 'box' has no such option"):
        registry.build({"NAME": "box", "WEIGHT": 2.0}, colour="red")


def test_a_notebook_may_run_a_cell_again(registry, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))  # as in a notebook: it has no file
    cell = "@registry.register('bowl')\nclass Bowl:\n    def __init__(self): ..."
    for _ in range(2):
        exec(cell, {"registry": registry, "__name__": "__main__"})  # noqa: S102
    registry.build({"NAME": "bowl"})
