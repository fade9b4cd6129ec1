"""The C boxes are those of the NumPy reference on the dequantized values, bit for bit."""

import ctypes
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.kernels.host_library import DETECTION, TRAPS, ZIG_CC, Guarded, load_library
from tinydet.anchors import decode_boxes, feature_map_sizes, make_anchors
from tinydet.boxes import select_detections
from tinydet.compiler.box_tables import (
    anchor_bits,
    anchor_grid,
    boxes_scratch_bytes,
    candidate_scratch_bytes,
    score_threshold_code,
)
from tinydet.config.detector_spec import PostprocessSpec

SOURCES = ["td_boxes.c", "td_box_voting.c"]
# The second is what a user's own flags may be: GCC fuses multiplications and additions unless
# the source forbids it.
BUILDS = {"traps": (ZIG_CC, TRAPS), "gcc": (("gcc",), ("-O3", "-march=native", "-std=gnu11"))}


class Level(ctypes.Structure):
    _fields_ = [("rows", ctypes.c_int32), ("columns", ctypes.c_int32)]


class Anchors(ctypes.Structure):
    _fields_ = [
        ("num_levels", ctypes.c_int32),
        ("per_cell", ctypes.c_int32),
        ("levels", ctypes.POINTER(Level)),
        ("edge_starts", ctypes.c_void_p),
        ("edges", ctypes.c_void_p),
        ("corners", ctypes.c_void_p),
        ("corner_codes", ctypes.c_void_p),
        ("corner_zero_point", ctypes.c_int32),
        ("corner_scale", ctypes.c_float),
    ]


class Params(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int32) for name in ("num_anchors", "num_classes", "anchor_bits")),
        *((name, ctypes.c_int32) for name in ("max_candidates", "max_detections")),
        *((name, ctypes.c_int32) for name in ("score_threshold_code", "score_zero_point")),
        ("score_scale", ctypes.c_float),
        ("delta_zero_point", ctypes.c_int32),
        ("delta_scale", ctypes.c_float),
        ("nms_iou_threshold", ctypes.c_float),
        ("anchors", Anchors),
    ]


@pytest.fixture(scope="module", params=BUILDS)
def library(request, tmp_path_factory):
    compiler, flags = BUILDS[request.param]
    if request.param == "gcc" and not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    return load_library(SOURCES, tmp_path_factory.mktemp("boxes"), flags, compiler)


@pytest.fixture(scope="module")
def traps(tmp_path_factory):
    return load_library(SOURCES, tmp_path_factory.mktemp("traps"))


def dequantize(codes, scale, zero_point):
    return (codes.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


class Case:
    """One head output with its limits; each field may be replaced before it is run."""

    def __init__(self, anchors, scores, deltas):
        self.anchors, self.scores, self.deltas = anchors, scores, deltas
        self.score_code, self.delta_code = (1 / 256, -128), (0.03, 5)
        self.limits = (0.5, 0.5, 100)  # score, IoU, detections
        self.voting_iou = None
        self.grid = None  # level sizes and anchors per cell
        self.anchor_code = None  # scale and zero point, where the anchors are codes
        self.max_candidates = 64
        self.capacity = 1000

    def expected(self):
        anchors = self.anchors
        if self.anchor_code:
            anchors = dequantize(anchors, *self.anchor_code)
        boxes = decode_boxes(dequantize(self.deltas, *self.delta_code), anchors)
        scores = dequantize(self.scores, *self.score_code)
        found = select_detections(scores, boxes, *self.limits, self.voting_iou)
        rows = np.zeros(len(found), DETECTION)
        rows["box"], rows["score"], rows["class_id"] = found.boxes, found.scores, found.class_ids
        return rows[: max(self.capacity, 0)]

    def run(self, library):
        score_threshold, iou_threshold, max_detections = self.limits
        num_classes = self.scores.shape[1] - 1
        keep = []  # whatever the struct points at

        def pointer(array):
            keep.append(np.ascontiguousarray(array))
            return keep[-1].ctypes.data

        c_anchors = Anchors()
        if self.grid:
            grid = anchor_grid(self.anchors, *self.grid)
            keep.append((Level * len(grid.level_sizes))(*grid.level_sizes))
            c_anchors.num_levels, c_anchors.per_cell = len(grid.level_sizes), grid.per_cell
            c_anchors.levels = ctypes.cast(keep[-1], ctypes.POINTER(Level))
            c_anchors.edge_starts = pointer(grid.edge_starts)
            c_anchors.edges = pointer(grid.edges)
        elif self.anchor_code:
            c_anchors.corner_codes = pointer(self.anchors)
            c_anchors.corner_scale, c_anchors.corner_zero_point = self.anchor_code
        else:
            c_anchors.corners = pointer(self.anchors)
        params = Params(
            num_anchors=len(self.scores),
            num_classes=num_classes,
            anchor_bits=anchor_bits(len(self.scores), num_classes),
            max_candidates=self.max_candidates,
            max_detections=max_detections,
            score_threshold_code=score_threshold_code(*self.score_code, score_threshold),
            score_zero_point=self.score_code[1],
            score_scale=self.score_code[0],
            delta_zero_point=self.delta_code[1],
            delta_scale=self.delta_code[0],
            nms_iou_threshold=iou_threshold,
            anchors=c_anchors,
        )
        scratch = Guarded(candidate_scratch_bytes(self.max_candidates))
        out = Guarded(DETECTION.itemsize * max(min(self.capacity, max_detections), 0))
        scores, deltas = pointer(self.scores), pointer(self.deltas)
        count = library.td_find_boxes(
            ctypes.byref(params),
            ctypes.c_void_p(scores),
            ctypes.c_void_p(deltas),
            scratch.address,
            out.address,
            self.capacity,
        )
        scratch.content()
        if self.voting_iou is not None:
            voted = PostprocessSpec(max_detections=max(count, 1), box_voting_iou=self.voting_iou)
            scratch = Guarded(boxes_scratch_bytes(self.max_candidates, voted, count))
            library.td_vote_boxes(
                ctypes.byref(params),
                ctypes.c_float(self.voting_iou),
                ctypes.c_void_p(scores),
                ctypes.c_void_p(deltas),
                scratch.address,
                out.address,
                count,
            )
            scratch.content()
        return np.frombuffer(out.content(), DETECTION)[:count]

    def check(self, library):
        found, expected = self.run(library), self.expected()
        assert found.tobytes() == expected.tobytes(), (found, expected)
        return found


@st.composite
def cases(draw):
    """Random heads of any anchor form; few distinct codes, so that ties abound."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    num_classes = draw(st.one_of(st.integers(1, 4), st.integers(1, 80)))
    form = draw(st.sampled_from(["grid", "recipe", "table", "codes"]))
    grid = anchor_code = None
    if form == "recipe":
        size = draw(st.integers(1, 100)), draw(st.integers(1, 100))
        ratios = tuple(draw(st.lists(st.floats(0.2, 5), min_size=1, max_size=5)))
        anchors = make_anchors(*size, (0.1, 0.15), aspect_ratios=ratios)
        grid = feature_map_sizes(*size), len(ratios) + 1
    elif form == "grid":
        # Sides of 1/4 to 1 on centres of 1/16: overlaps of just the threshold happen.
        sizes = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1))[:3]
        kinds = rng.integers(1, 5, (draw(st.integers(1, 3)), 2)) / 8
        rows = [
            [(c + 1) / 8 - w, (r + 1) / 8 - h, (c + 1) / 8 + w, (r + 1) / 8 + h]
            for level_rows, level_columns in sizes
            for r in range(level_rows)
            for c in range(level_columns)
            for w, h in kinds
        ]
        anchors, grid = np.array(rows, np.float32), (sizes, len(kinds))
    else:
        anchors = rng.uniform(-0.3, 1.3, (draw(st.integers(1, 200)), 4)).astype(np.float32)
        if form == "codes":
            anchors = rng.integers(-128, 128, anchors.shape, np.int8)
            anchor_code = 0.0079, -3
    pool = rng.integers(-128, 128, draw(st.integers(1, 12)), np.int8)
    scores = rng.choice(pool, (len(anchors), num_classes + 1))
    spread = draw(st.sampled_from([0, 3, 127]))
    deltas = rng.integers(-spread, spread + 1, (len(anchors), 4)).astype(np.int8)
    case = Case(anchors, scores, deltas)
    case.grid, case.anchor_code = grid, anchor_code
    case.score_code = draw(st.sampled_from([(1 / 256, -128), (0.0039, -100), (0.1, 7)]))
    case.delta_code = draw(st.sampled_from([(0.0625, 0), (0.037, -11), (0.3, 100)]))
    case.limits = (
        draw(st.sampled_from([0.0, 0.001, 0.25, 0.5, 0.51, 1.0])),
        draw(st.sampled_from([0.001, 0.25, 1 / 3, 0.5, 0.7, 1.0])),
        draw(st.sampled_from([1, 3, 100, 10000])),
    )
    case.max_candidates = draw(st.one_of(st.integers(1, 9), st.integers(1, 20000)))
    case.capacity = draw(st.sampled_from([-1, 0, 1, 7, 200, 10000]))
    case.voting_iou = draw(st.sampled_from([None, 0.001, 0.25, 0.5, 0.7, 1.0]))
    return case


@settings(max_examples=100)
@given(cases())
def test_detections_are_those_of_the_reference(library, case):
    case.check(library)


def test_golden_detections(traps):
    """Three boxes of class 1: the second overlaps the first, the third does not; class 0 is by
    itself. A wide input, so that x and y are no twins.
    """
    anchors = np.array(
        [[0.25, 0.5, 0.75, 0.75], [0.25, 0.5, 0.75, 0.75], [0, 0, 0.25, 0.125]], np.float32
    )
    scores = np.array([[-128, -100, 64], [-128, -28, 64], [-128, -128, 127]], np.int8)
    deltas = np.array([[1, 1, 1, 1], [1, 1, 3, 1], [1, 1, 1, 9]], np.int8)
    case = Case(anchors, scores, deltas)
    case.delta_code, case.limits = (0.125, 1), (0.25, 0.5, 10)
    found = case.check(traps)
    assert found["class_id"].tolist() == [1, 1, 0]
    assert found["score"].tolist() == [255 / 256, 0.75, 100 / 256]
    assert found["box"].tolist() == [
        [0, 0, 0.25, 0.25],
        [0.25, 0.5, 0.75, 0.75],
        [0.25, 0.5, 0.875, 0.75],
    ]


@pytest.mark.parametrize("max_candidates", [1000, 400000])
def test_a_low_threshold_lets_thousands_pass(library, max_candidates):
    """How many candidates a pass can take changes the time, never the result."""
    rng = np.random.default_rng(5)
    anchors = make_anchors(192, 192)
    scores = rng.normal(-130, 4, (len(anchors), 81)).clip(-128, 127).astype(np.int8)
    deltas = rng.integers(-40, 40, (len(anchors), 4)).astype(np.int8)
    case = Case(anchors, scores, deltas)
    case.grid = feature_map_sizes(192, 192), 5
    case.limits = (0.001, 0.1, 1500)
    case.max_candidates, case.capacity = max_candidates, 1500
    case.voting_iou = 0.4
    assert (scores[:, 1:] > -128).sum() > 50000
    assert len(case.check(library)) == 1500


def test_all_candidates_are_visited_where_few_stay(traps):
    """One code for all scores: every pass works inside one score, down to the lowest code."""
    rng = np.random.default_rng(6)
    anchors = make_anchors(64, 32, (0.1, 0.15))
    for code in (-128, 127):
        case = Case(anchors, np.full((len(anchors), 4), code, np.int8), None)
        case.deltas = rng.integers(-2, 3, (len(anchors), 4)).astype(np.int8)
        case.limits, case.max_candidates = (0.0, 0.01, 1000), 16
        assert 3 < len(case.check(traps)) < 200  # of 660


@pytest.mark.parametrize("capacity", [4, 1000])
@pytest.mark.parametrize("max_candidates", [7, 300, 5000])
def test_boxes_move_to_where_their_voters_are(library, max_candidates, capacity):
    """Small deltas around a dense grid: hundreds of candidates agree with each box."""
    rng = np.random.default_rng(8)
    anchors = make_anchors(128, 64)
    scores = rng.integers(-120, 100, (len(anchors), 3)).astype(np.int8)
    deltas = rng.integers(-9, 10, (len(anchors), 4)).astype(np.int8)
    case = Case(anchors, scores, deltas)
    case.limits, case.max_candidates, case.capacity = (0.1, 0.5, 100), max_candidates, capacity
    kept = case.check(library)
    case.voting_iou = 0.6
    voted = case.check(library)
    assert voted["score"].tobytes() == kept["score"].tobytes()
    assert voted["class_id"].tobytes() == kept["class_id"].tobytes()
    assert (voted["box"] != kept["box"]).mean() > 0.5


def test_a_box_without_area_or_weight_moves_nothing(library):
    """Scores of 0 have no weight; of the others one has no width, and does not vote."""
    box = [0.25, 0.25, 0.5, 0.5]
    anchors = np.array([box, [0.25, 0.25, 0.25, 0.5], box, [0.25, 0.25, 0.5, 0.75]], np.float32)
    deltas = np.zeros((4, 4), np.int8)
    for codes in ([-128] * 4, [0, 127, -128, -128]):
        case = Case(anchors, np.array([[0, code] for code in codes], np.int8), deltas)
        case.delta_code, case.limits, case.voting_iou = (0.1, 0), (0.0, 0.4, 10), 0.001
        assert case.check(library)["box"].tolist() == [box]
