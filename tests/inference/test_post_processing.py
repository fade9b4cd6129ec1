"""What a file with TFLite_Detection_PostProcess finds is what LiteRT's operator finds."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from flatbuffers import flexbuffers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinydet.config.detector_spec import PostprocessSpec
from tinydet.errors import ModelFileError, TinydetError, UnsupportedError
from tinydet.inference import detect, load_detector, read_facts
from tinydet.inference.post_processing import read_post_processing

OPTIONS = {
    "max_detections": 10,
    "max_classes_per_detection": 1,
    "nms_score_threshold": 0.3,
    "nms_iou_threshold": 0.5,
    "num_classes": 3,
    "y_scale": 10.0,
    "x_scale": 10.0,
    "h_scale": 5.0,
    "w_scale": 5.0,
}


def by_operator(path, image_u8, classes_per_box=1):
    """Boxes (y, x, y, x), classes, scores: all that the operator itself gives."""
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image_u8[None])
    interpreter.invoke()
    values = [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
    count = int(values[3][0]) * classes_per_box  # it counts boxes
    return values[0][0, :count], values[1][0, :count], values[2][0, :count]


def recipe_with(tiny_detector, **changes):
    more = {key: changes.pop(key) for key in ("background", "output_type") if key in changes}
    options = OPTIONS | changes
    return tiny_detector(
        num_classes=options["num_classes"],
        outputs=("operator",),
        operator=options,
        input_code=(0.0, 0),
        **more,
    )


options_of_files = st.fixed_dictionaries(
    {
        "num_classes": st.integers(1, 4),
        "background": st.booleans(),
        "output_type": st.sampled_from(["float", "uint8"]),
        "use_regular_nms": st.booleans(),
        "max_detections": st.integers(1, 30),
        "detections_per_class": st.integers(1, 12),
        "nms_score_threshold": st.floats(0.2, 0.7),
        "nms_iou_threshold": st.floats(0.1, 0.9),
        "y_scale": st.floats(1, 12),
        "h_scale": st.floats(1, 12),
    }
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(options=options_of_files, seed=st.integers(0, 2**16))
def test_the_same_boxes_as_the_operator(tiny_detector, options, seed):
    recipe, path = recipe_with(tiny_detector, **options)
    image_u8 = np.random.default_rng(seed).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    image_u8 = image_u8.repeat(8, axis=0).repeat(8, axis=1)
    boxes, classes, scores = by_operator(path, image_u8)
    detector = load_detector(path, recipe.spec)
    all_scores, all_boxes = detector.outputs(image_u8[None])
    found = detector.select(all_scores[0], all_boxes[0], read_facts(path).postprocess)
    np.testing.assert_allclose(found.scores, scores, atol=1e-6)
    if len(set(scores.tolist())) == len(scores):  # the order of equal scores is not defined
        np.testing.assert_array_equal(found.class_ids, classes)
        np.testing.assert_allclose(found.boxes[:, [1, 0, 3, 2]], boxes, atol=1e-6)


def test_box_voting_is_refused_by_name(tiny_detector):
    """Whoever asks for it must not believe that boxes of such a file are voted on."""
    recipe, path = recipe_with(tiny_detector)
    detector, image = load_detector(path, recipe.spec), np.zeros((32, 32, 3), np.uint8)
    with pytest.raises(UnsupportedError, match=r"Leave out postprocessing\.box_voting"):
        detect(detector, image, PostprocessSpec(box_voting_iou=0.7))


def test_a_box_may_keep_several_classes(tiny_detector):
    recipe, path = recipe_with(tiny_detector, max_classes_per_detection=2, nms_score_threshold=0.0)
    image_u8 = np.random.default_rng(3).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    detector = load_detector(path, recipe.spec)
    scores, boxes = detector.outputs(image_u8[None])
    found = detector.select(scores[0], boxes[0], read_facts(path).postprocess)
    _, _, expected = by_operator(path, image_u8, classes_per_box=2)
    np.testing.assert_allclose(found.scores, np.sort(expected)[::-1], atol=1e-6)
    assert len(found) == 2 * OPTIONS["max_detections"]


@pytest.mark.parametrize("engine", ["litert", "litert-ref"])
def test_detect_clips_what_the_operator_finds(tiny_detector, engine):
    recipe, path = recipe_with(tiny_detector)
    image_u8 = np.random.default_rng(3).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    boxes, classes, _ = by_operator(path, image_u8)
    found = detect(
        load_detector(path, recipe.spec, engine=engine), image_u8, read_facts(path).postprocess
    )
    np.testing.assert_allclose(found.boxes[:, [1, 0, 3, 2]], np.clip(boxes, 0, 1), atol=1e-5)
    np.testing.assert_array_equal(found.class_ids, classes)


@pytest.mark.parametrize("missing", ["y_scale", "num_classes", "max_detections"])
def test_an_option_that_is_missing_is_named(tiny_detector, missing):
    recipe, path = recipe_with(tiny_detector)
    recipe.operator = {key: value for key, value in OPTIONS.items() if key != missing}
    recipe.save(path)
    with pytest.raises(TinydetError) as error:  # LiteRT itself refuses some
        read_facts(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("detections_per_class", 0),
        ("detections_per_class", float("inf")),
        ("max_classes_per_detection", -1),
        ("max_detections", 10**12),
        ("w_scale", float("nan")),
        ("nms_iou_threshold", 1.5),
    ],
)
def test_values_that_cannot_be_are_named(name, value):
    regular = name == "detections_per_class"  # it counts for that alone
    raw = bytes(flexbuffers.Dumps(OPTIONS | {"use_regular_nms": regular, name: value}))
    with pytest.raises(ModelFileError, match=rf"misstates {name}"):
        read_post_processing(raw, np.zeros((2, 4), np.float32), "m.tflite")


def test_what_a_file_leaves_out_is_what_the_operator_takes():
    told = read_post_processing(bytes(flexbuffers.Dumps(OPTIONS)), np.zeros((2, 4)), "m.tflite")
    assert (told.each_class, told.boxes_per_class, told.classes_per_box) == (False, 100, 1)


def test_a_scale_of_zero_is_refused(tiny_detector):
    _, path = recipe_with(tiny_detector, h_scale=0.0)
    with pytest.raises(ModelFileError, match=r"misstates h_scale|cannot be loaded"):
        read_facts(path)


@pytest.mark.parametrize("size", [100, 5000, 60000])
def test_a_truncated_file_is_one_line(tiny_detector, size):
    recipe, path = recipe_with(tiny_detector)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(TinydetError) as error:
        load_detector(path, recipe.spec)
    assert "\n" not in str(error.value)
