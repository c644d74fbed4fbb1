"""The configuration tree: precedence, part sections, and a sentence for everything that is wrong."""

from __future__ import annotations

import logging

import pytest

from siamtrack import config
from siamtrack.config import ConfigError


@pytest.fixture
def files(tmp_path):
    (tmp_path / "base.yaml").write_text(
        "MODEL:\n  CORRELATION: {NAME: depthwise, HIDDEN: 64}\nTRAIN: {CLIP: 1, BATCH: 8}\n"
        "LOSSES:\n  - {NAME: cross_entropy, WEIGHT: 1e-1}\n"
    )
    (tmp_path / "derived.yaml").write_text("_BASE_: base.yaml\nTRAIN: {BATCH: 16}\n")
    return tmp_path


def test_order_of_precedence(files):
    cfg = config.load(files / "derived.yaml", ["TRAIN.EPOCHS", "3"])
    assert (cfg.TRAIN.CLIP, cfg.TRAIN.BATCH, cfg.TRAIN.EPOCHS) == (1.0, 16, 3)
    assert cfg.LOSSES == [{"NAME": "cross_entropy", "WEIGHT": 0.1}]
    assert cfg.TRAIN.PRECISION == "fp32"


def test_every_value_remembers_its_source(files):
    cfg = config.load(files / "derived.yaml", ["TRAIN.EPOCHS", "3", "LOSSES.0.WEIGHT", "2"])
    assert config.origin(cfg.TRAIN, "CLIP").endswith("base.yaml")
    assert config.origin(cfg.TRAIN, "BATCH").endswith("derived.yaml")
    assert config.origin(cfg.TRAIN, "EPOCHS") == "command line"
    assert config.origin(cfg.TRAIN, "PRECISION") == "defaults"
    assert config.origin(cfg.LOSSES[0], "NAME").endswith("base.yaml")
    assert config.origin(cfg.LOSSES[0], "WEIGHT") == "command line"


def test_another_name_drops_the_options_and_says_so(files, caplog):
    with caplog.at_level(logging.INFO):
        cfg = config.load(files / "base.yaml", ["MODEL.CORRELATION.NAME", "pixelwise"])
    assert cfg.MODEL.CORRELATION == {"NAME": "pixelwise"}
    assert "MODEL.CORRELATION.NAME is now pixelwise" in caplog.text
    assert "HIDDEN" in caplog.text


def test_another_name_in_a_derived_file(files):
    (files / "other.yaml").write_text("_BASE_: base.yaml\nMODEL: {CORRELATION: {CROP: 7, NAME: pixelwise}}\n")
    assert config.load(files / "other.yaml").MODEL.CORRELATION == {"NAME": "pixelwise", "CROP": 7}


def test_text_leads_back(files):
    cfg = config.load(files / "derived.yaml")
    assert config.loads(config.dump(cfg), "a checkpoint") == cfg


def test_override_leaves_the_original_alone(files):
    cfg = config.load(files / "derived.yaml")
    assert config.override(cfg, ["TRAIN.BATCH", "4"]).TRAIN.BATCH == 4
    assert cfg.TRAIN.BATCH == 16


def test_a_resolved_tree_is_frozen(files):
    with pytest.raises(AttributeError):
        config.load(files / "derived.yaml").TRAIN.BATCH = 1


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["TRAIN.EPOCH", "3"], "command line, key TRAIN.EPOCH: there is no such option. Did you mean EPOCHS?"),
        (["TRIAN.EPOCHS", "3"], "command line, key TRIAN: there is no such section. Did you mean TRAIN?"),
        (["TRAIN.EPOCHS", "many"], "command line, key TRAIN.EPOCHS: 'many' does not fit; it should be int, like 20."),
        (["TRAIN.OPTIMIZER", "3"], "it should be a section of KEY: value lines, like {'NAME': 'sgd'}"),
        (["TRAIN.EPOCHS.MORE", "3"], "TRAIN.EPOCHS: is a value, not a section, so TRAIN.EPOCHS.MORE does not exist"),
        (["LOSSES.4.WEIGHT", "1"], "the list has 1 items; give an index from 0 to 0"),
        (["TRAIN.EPOCHS"], "options come as KEY VALUE pairs, but 'TRAIN.EPOCHS' has no value"),
    ],
)
def test_bad_overrides(files, overrides, sentence):
    with pytest.raises(ConfigError) as error:
        config.load(files / "derived.yaml", overrides)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("TRAIN: {EPOCH: 3}", "bad.yaml, key TRAIN.EPOCH: there is no such option. Did you mean EPOCHS?"),
        ("TRAIN: {EPOCHS: 3}\nTRAIN: {BATCH: 1}", "bad.yaml: key TRAIN stands twice in one section"),
        ("TRAIN: [1, 2", "bad.yaml: is not valid YAML"),
        ("just words", "bad.yaml: should hold KEY: value lines, but holds str"),
        ("_BASE_: bad.yaml", "_BASE_ leads back to the file itself"),
        ("_BASE_: nowhere.yaml", "nowhere.yaml: cannot be read"),
    ],
)
def test_bad_files(tmp_path, text, sentence):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        config.load(tmp_path / "bad.yaml")
    assert sentence in str(error.value)


def test_an_empty_word_empties_a_text():
    assert config.load(overrides=["MODEL.INIT", "somewhere.safetensors", "MODEL.INIT", ""]).MODEL.INIT == ""


def test_a_word_that_is_no_value_stays_a_word():
    word = "{[1]: 2}"  # Python and YAML both know this as a mapping, which cannot be made
    read = config.load(overrides=["OUTPUT", word])["OUTPUT"]
    assert read == word
