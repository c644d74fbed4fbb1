"""What a grid consists of and what its rows are called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.ablation import Axis, Edit, grid, parse_axis, parse_variants
from siamtrack.config import ConfigError

BASE = "configs/siamban/r50.yaml"


def test_the_product_of_two_axes():
    axes = [parse_axis("MODEL.CORRELATION.NAME=depthwise,pixelwise"), parse_axis("TRAIN.BATCH=16, 32")]
    variants = grid(BASE, axes, ["SEED", "7"])
    assert [v.name for v in variants] == [
        "correlation=depthwise, batch=16",
        "correlation=depthwise, batch=32",
        "correlation=pixelwise, batch=16",
        "correlation=pixelwise, batch=32",
    ]
    assert variants[3].folder == "correlation-pixelwise_batch-32"
    assert variants[3].overrides == ("SEED", "7", "MODEL.CORRELATION.NAME", "pixelwise", "TRAIN.BATCH", "32")
    assert {v.cfg for v in variants} == {BASE}


def test_keys_of_one_ending_are_told_apart():
    axes = [
        parse_axis("MODEL.HEAD.HIDDEN=8"),
        parse_axis("MODEL.CORRELATION.HIDDEN=8"),
        parse_axis("LOSSES.0.WEIGHT=1"),
    ]
    assert grid(BASE, axes)[0].name == "head.hidden=8, correlation.hidden=8, weight=1"


def test_commas_inside_brackets_belong_to_a_value():
    axis = parse_axis("MODEL.BACKBONE.USED_LAYERS=[2, 3],[4]")
    assert [edit.overrides for edit in axis.edits] == [
        ("MODEL.BACKBONE.USED_LAYERS", "[2, 3]"),
        ("MODEL.BACKBONE.USED_LAYERS", "[4]"),
    ]


def test_an_axis_of_files():
    variants = grid(BASE, [parse_axis("cfg=configs/siamban/r50.yaml,configs/stark/s50.yaml"), parse_axis("SEED=1")])
    assert [(v.name, v.cfg) for v in variants] == [
        ("siamban-r50, seed=1", "configs/siamban/r50.yaml"),
        ("stark-s50, seed=1", "configs/stark/s50.yaml"),
    ]


def test_compound_edits():
    axis = parse_variants(["plain:", "pw + sa: MODEL.CORRELATION.NAME pixelwise MODEL.ENHANCER.NAME self_attention"])
    plain, both = grid(BASE, [axis])
    assert (plain.name, plain.overrides) == ("plain", ())
    assert (both.name, both.folder) == ("pw + sa", "pw-+-sa")
    assert both.overrides == ("MODEL.CORRELATION.NAME", "pixelwise", "MODEL.ENHANCER.NAME", "self_attention")
    (other,) = grid(BASE, [parse_variants(["other: cfg b.yaml LOSSES '[{NAME: iou}]'"])])
    assert (other.cfg, other.overrides) == ("b.yaml", ("LOSSES", "[{NAME: iou}]"))


def test_without_axes_the_base_is_the_only_row():
    (variant,) = grid(BASE, [])
    assert (variant.name, variant.overrides) == ("siamban-r50", ())


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: parse_axis("TRAIN.BATCH"), "should be KEY=value,value"),
        (lambda: parse_axis("TRAIN.BATCH=16,,32"), "should be KEY=value,value"),
        (lambda: parse_axis("TRAIN.BATCH=16,16"), "'16' stands there twice"),
        (lambda: parse_variants(["no colon"]), "a name, a colon and KEY VALUE pairs"),
        (lambda: parse_variants(["odd: A"]), "a name, a colon and KEY VALUE pairs"),
        (lambda: parse_variants(["a: A 1", "a: A 2"]), "'a' stands there twice"),
        (lambda: parse_variants(["a: cfg x.yaml cfg y.yaml"]), "names 2 configuration files"),
        (lambda: grid(BASE, [parse_axis("A=1"), parse_axis("A=2")]), "'A' stands there twice"),
        (lambda: grid(BASE, [parse_axis("cfg=a.yaml"), parse_variants(["v: cfg b.yaml"])]), "a variant has one base"),
    ],
)
def test_what_makes_no_grid_is_a_sentence(make, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        make()


texts = st.text("aA1-=_./[] :é", min_size=1, max_size=6)
keys = st.lists(
    st.sampled_from(["A", "B.A", "C.A", "C.NAME", "D.C.NAME", "B.A.NAME", "A.NAME"]), unique=True, max_size=4
)


@settings(deadline=None)
@given(keys, st.lists(st.lists(texts, min_size=1, max_size=3, unique=True), min_size=4, max_size=4))
def test_names_and_folders_are_unique_and_fit_for_a_disk(keys, values):
    axes = [Axis(k, tuple(Edit(v, (k, v)) for v in vs)) for k, vs in zip(keys, values, strict=False)]
    variants = grid(BASE, axes)
    assert len({v.name for v in variants}) == len(variants) == len({v.folder.lower() for v in variants})
    assert len({v.overrides for v in variants}) == len(variants)
    assert all(re.fullmatch(r"[A-Za-z0-9.+_-]+", v.folder) and v.folder[0] != "." for v in variants)
