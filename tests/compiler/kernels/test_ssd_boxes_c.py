"""The C boxes of SSD box codes are those of PostProcessing in NumPy, clipped, bit for bit."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.kernels.host_library import DETECTION, Guarded, load_library
from tests.compiler.kernels.test_boxes_c import Anchors, dequantize
from tinydet.boxes import box_area, clip_boxes
from tinydet.compiler.box_tables import (
    anchor_bits,
    candidate_scratch_bytes,
    score_threshold_code,
    ssd_code_tables,
)
from tinydet.config.detector_spec import PostprocessSpec
from tinydet.errors import CompilerError
from tinydet.inference.post_processing import PostProcessing

SCORES, SCORE_ZERO = 1 / 256, -128


class Params(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int32) for name in ("num_anchors", "num_classes", "background")),
        *((name, ctypes.c_int32) for name in ("anchor_bits", "max_candidates", "max_detections")),
        *((n, ctypes.c_int32) for n in ("max_per_class", "score_threshold_code")),
        ("score_zero_point", ctypes.c_int32),
        ("score_scale", ctypes.c_float),
        ("nms_iou_threshold", ctypes.c_float),
        ("shifts", ctypes.c_void_p),
        ("half_sides", ctypes.c_void_p),
        ("anchors", Anchors),
    ]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return load_library(["td_ssd_boxes.c", "td_boxes.c"], tmp_path_factory.mktemp("ssd"))


def expected(operator, scores, codes, code, capacity):
    thresholds = operator.postprocess
    limit = min(capacity, thresholds.max_detections)
    if limit <= 0:
        return np.zeros(0, DETECTION)
    real = dequantize(scores, SCORES, SCORE_ZERO)[None]
    class_scores, boxes = operator.decode_outputs(dequantize(codes, *code)[None], real)
    limited = thresholds.model_copy(update={"max_detections": limit})
    found = operator.select(class_scores[0], boxes[0], limited)
    clipped = clip_boxes(found.boxes)
    rows = np.zeros(len(found), DETECTION)
    rows["box"], rows["score"], rows["class_id"] = clipped, found.scores, found.class_ids
    return rows[box_area(clipped) > 0]


def run(library, operator, scores, codes, code, capacity, max_candidates):
    thresholds = operator.postprocess
    shifts, half_sides = (np.ascontiguousarray(t) for t in ssd_code_tables(operator, *code))
    placed = np.ascontiguousarray(operator.anchors[:, [1, 0, 3, 2]])
    most = min(operator.boxes_per_class, thresholds.max_detections)
    ranked = operator.num_classes if operator.each_class else 1
    params = Params(
        num_anchors=len(scores),
        num_classes=operator.num_classes,
        background=scores.shape[1] - operator.num_classes,
        anchor_bits=anchor_bits(len(scores), ranked),
        max_candidates=max_candidates,
        max_detections=thresholds.max_detections,
        max_per_class=most if operator.each_class else 0,
        score_threshold_code=score_threshold_code(SCORES, SCORE_ZERO, thresholds.score_threshold),
        score_zero_point=SCORE_ZERO,
        score_scale=SCORES,
        nms_iou_threshold=thresholds.nms_iou_threshold,
        shifts=shifts.ctypes.data,
        half_sides=half_sides.ctypes.data,
        anchors=Anchors(corners=placed.ctypes.data),
    )
    scratch = Guarded(candidate_scratch_bytes(max_candidates))
    out = Guarded(DETECTION.itemsize * max(min(capacity, thresholds.max_detections), 0))
    count = library.td_find_ssd_boxes(
        ctypes.byref(params),
        ctypes.c_void_p(scores.ctypes.data),
        ctypes.c_void_p(codes.ctypes.data),
        scratch.address,
        out.address,
        capacity,
    )
    scratch.content()
    return np.frombuffer(out.content(), DETECTION)[:count]


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    anchors=st.integers(1, 120),
    classes=st.integers(1, 5),
    background=st.integers(0, 1),
    each_class=st.booleans(),
    per_class=st.integers(1, 6),
    levels=st.integers(1, 12),
    limits=st.tuples(
        st.sampled_from([0.0, 0.3, 0.6]), st.sampled_from([0.01, 0.3, 0.5, 1.0]), st.integers(1, 30)
    ),
    capacity=st.sampled_from([-1, 0, 1, 5, 1000]),
    max_candidates=st.one_of(st.integers(1, 9), st.integers(1, 2000)),
)
def test_the_same_boxes_as_in_numpy(
    library, seed, anchors, classes, background, each_class, per_class, levels, limits, capacity,
    max_candidates,
):  # fmt: skip
    """Few distinct codes, so that ties and equal boxes abound."""
    rng = np.random.default_rng(seed)
    code = (0.05, -20)
    operator = PostProcessing(
        anchors=rng.uniform(0.05, 1.0, (anchors, 4)).astype(np.float32),
        scales=np.array([3.0, 4.0, 2.0, 1.5], np.float32),
        num_classes=classes,
        each_class=each_class,
        classes_per_box=1,
        boxes_per_class=per_class,
        postprocess=PostprocessSpec(
            score_threshold=limits[0], nms_iou_threshold=limits[1], max_detections=limits[2]
        ),
    )
    pool = rng.integers(-128, 128, levels, np.int8)
    scores = np.ascontiguousarray(rng.choice(pool, (anchors, background + classes)))
    codes = rng.integers(-128, 128, (anchors, 4), np.int8)
    found = run(library, operator, scores, codes, code, capacity, max_candidates)
    assert found.tobytes() == expected(operator, scores, codes, code, capacity).tobytes()


def test_box_codes_beyond_all_numbers_are_refused():
    operator = PostProcessing(
        np.ones((1, 4), np.float32), np.ones(4, np.float32), 1, False, 1, 1, PostprocessSpec()
    )
    with pytest.raises(CompilerError, match=r"boxes of any size"):
        ssd_code_tables(operator, 2.0, 0)
