"""The part of the generated C that finds the boxes, and the one that makes the network's input."""

from dataclasses import dataclass

from tinydet.boxes import FloatArray
from tinydet.compiler.box_tables import (
    anchor_bits,
    anchor_grid,
    score_threshold_code,
    ssd_code_tables,
)
from tinydet.compiler.codegen import c_text
from tinydet.compiler.codegen.c_text import Struct
from tinydet.compiler.codegen.constants import Constants
from tinydet.compiler.ir import Tensor
from tinydet.config.detector_spec import PostprocessSpec, PreprocessSpec
from tinydet.inference.post_processing import PostProcessing

INTERPOLATIONS = {"nearest": "TD_NEAREST", "bilinear": "TD_BILINEAR", "area": "TD_AREA"}
ASPECT_RATIOS = {"fit": "TD_FIT", "crop": "TD_CROP", "padding": "TD_PADDING"}
COLOR_MODES = {"rgb": "TD_COLOR_RGB", "bgr": "TD_COLOR_BGR", "grayscale": "TD_COLOR_GRAYSCALE"}
SCRATCH_BYTES_PER_COLUMN = {"nearest": 0, "bilinear": 12, "area": 24}  # td_preprocess.h


@dataclass(frozen=True, eq=False)
class AnchorTable:
    """The anchors of a detector.

    Attributes:
        corners: ``[NA, 4]`` float32 ``(x_min, y_min, x_max, y_max)``, exactly as the model has
            them.
        level_sizes: ``(rows, columns)`` of the levels of which they may be a grid; may be empty.
    """

    corners: FloatArray
    level_sizes: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.corners)


def preprocess_scratch_bytes(preprocess: PreprocessSpec) -> int:
    """What scaling an image needs beside the input."""
    return SCRATCH_BYTES_PER_COLUMN[preprocess.interpolation] * preprocess.width


def preprocess_structure(preprocess: PreprocessSpec) -> Struct:
    """``td_preprocess_params`` of a detector."""
    return Struct(
        "td_preprocess_params",
        (
            ("height", preprocess.height),
            ("width", preprocess.width),
            ("interpolation", INTERPOLATIONS[preprocess.interpolation]),
            ("aspect_ratio", ASPECT_RATIOS[preprocess.aspect_ratio]),
            ("color_mode", COLOR_MODES[preprocess.color_mode]),
        ),
    )


def boxes_structure(
    outputs: tuple[Tensor, Tensor],
    anchors: AnchorTable,
    postprocess: PostprocessSpec,
    max_candidates: int,
    constants: Constants,
) -> Struct:
    """``td_boxes_params`` of a detector.

    Args:
        outputs: Scores ``[1, NA, 1 + num_classes]`` and deltas ``[1, NA, 4]``, int8.
        anchors: As many as the outputs have rows.
        postprocess: Thresholds.
        max_candidates: See ``td_find_boxes``.
        constants: Where the tables of the anchors go.

    Raises:
        CompilerError: Too many anchors and classes to rank, or a scale that is of no use.
    """
    scores, deltas = outputs
    num_classes = scores.shape[-1] - 1
    threshold = score_threshold_code(scores.scale, scores.zero_point, postprocess.score_threshold)
    return Struct(
        "td_boxes_params",
        (
            ("num_anchors", len(anchors)),
            ("num_classes", num_classes),
            ("anchor_bits", anchor_bits(len(anchors), num_classes)),
            ("max_candidates", max_candidates),
            ("max_detections", postprocess.max_detections),
            ("score_threshold_code", threshold),
            ("score_zero_point", scores.zero_point),
            ("score_scale", c_text.float32(scores.scale)),
            ("delta_zero_point", deltas.zero_point),
            ("delta_scale", c_text.float32(deltas.scale)),
            ("nms_iou_threshold", c_text.float32(postprocess.nms_iou_threshold)),
            ("anchors", _anchors_text(anchors, constants)),
        ),
    )


def ssd_boxes_structure(
    outputs: tuple[Tensor, Tensor],
    anchors: AnchorTable,
    postprocess: PostprocessSpec,
    max_candidates: int,
    operator: PostProcessing,
    constants: Constants,
) -> Struct:
    """``td_ssd_params`` of a detector with a post-processing operator.

    Args:
        outputs: Scores ``[1, NA, background + num_classes]`` and box codes ``[1, NA, 4]``, int8.
        anchors: Those of the operator.
        postprocess: Thresholds.
        max_candidates: See ``td_find_ssd_boxes``.
        operator: What it is told.
        constants: Where the tables go.

    Raises:
        CompilerError: Too many anchors and classes to rank, a scale that is of no use, or box codes
            beyond float32.
    """
    scores, codes = outputs
    classes = operator.num_classes
    threshold = score_threshold_code(scores.scale, scores.zero_point, postprocess.score_threshold)
    shifts, half_sides = ssd_code_tables(operator, codes.scale, codes.zero_point)
    most = min(operator.boxes_per_class, postprocess.max_detections)
    # Centre and size of a grid's anchors depend on column or row as the corners of others do.
    placed = AnchorTable(anchors.corners[:, [1, 0, 3, 2]], anchors.level_sizes)
    return Struct(
        "td_ssd_params",
        (
            ("num_anchors", len(anchors)),
            ("num_classes", classes),
            ("background", scores.shape[-1] - classes),
            ("anchor_bits", anchor_bits(len(anchors), classes if operator.each_class else 1)),
            ("max_candidates", max_candidates),
            ("max_detections", postprocess.max_detections),
            ("max_per_class", most if operator.each_class else 0),
            ("score_threshold_code", threshold),
            ("score_zero_point", scores.zero_point),
            ("score_scale", c_text.float32(scores.scale)),
            ("nms_iou_threshold", c_text.float32(postprocess.nms_iou_threshold)),
            ("shifts", constants.table(shifts, "shifts", public=True)),
            ("half_sides", constants.table(half_sides, "half_sides", public=True)),
            ("anchors", _anchors_text(placed, constants)),
        ),
    )


def _anchors_text(anchors: AnchorTable, constants: Constants) -> str:
    """The initializer of ``td_anchors``: small tables of edges if they are exact, else all."""
    cells = sum(rows * columns for rows, columns in anchors.level_sizes)
    per_cell = len(anchors) // cells if cells else 0
    grid = anchor_grid(anchors.corners, anchors.level_sizes, per_cell) if per_cell else None
    if grid is None:
        return _initializer({"corners": constants.table(anchors.corners, "corners", public=True)})
    return _initializer(
        {
            "num_levels": str(len(grid.level_sizes)),
            "per_cell": str(grid.per_cell),
            "levels": constants.records("td_anchor_level", grid.level_sizes, "levels", public=True),
            "edge_starts": constants.table(grid.edge_starts, "edge_starts", public=True),
            "edges": constants.table(grid.edges, "edges", public=True),
        }
    )


def _initializer(fields: dict[str, str]) -> str:
    """All fields of ``td_anchors``; strict warnings want those that are not used, too."""
    pointers = ("levels", "edge_starts", "edges", "corners", "corner_codes")
    names = ("num_levels", "per_cell", *pointers, "corner_zero_point")
    items = [f".{name} = {fields.get(name, '0')}" for name in names]
    return "{\n        " + ",\n        ".join([*items, ".corner_scale = 0.0f"]) + ",\n    }"
