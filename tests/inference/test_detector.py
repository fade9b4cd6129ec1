"""From image files to detections on the image."""

import numpy as np
import pytest
from PIL import Image

from tinydet.boxes import select_detections
from tinydet.config.detector_spec import DetectorSpec, PostprocessSpec, PreprocessSpec
from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess
from tinydet.errors import DataError, ModelFileError, UnsupportedError
from tinydet.inference import detect, detect_files, load_detector

LOOSE = PostprocessSpec(score_threshold=0.3, nms_iou_threshold=0.6, max_detections=20)


class OneBox:
    """A detector that sees one box at a fixed place of its input."""

    name = "one box"

    def __init__(self, box, **options):
        self.box = box
        self.spec = DetectorSpec(
            class_names=("a", "b"), preprocess=PreprocessSpec(height=32, width=64, **options)
        )

    def outputs(self, images_u8):
        scores = np.tile(np.array([[0.1, 0.2, 0.7]], np.float32), (len(images_u8), 1, 1))
        return scores, np.tile(np.array([[self.box]], np.float32), (len(images_u8), 1, 1))


def write_images(folder, count):
    rng = np.random.default_rng(5)
    paths = []
    for index in range(count):
        path = folder / f"{index:03}.png"
        Image.fromarray(rng.integers(0, 256, (20 + index, 40, 3), np.uint8)).save(path)
        paths.append(path)
    return paths


def test_detect_is_preprocess_outputs_select(tiny_detector):
    recipe, path = tiny_detector(num_classes=3)
    detector = load_detector(path, recipe.spec)
    image = np.random.default_rng(1).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    scores, boxes = detector.outputs(preprocess(image, recipe.spec.preprocess)[None])
    expected = select_detections(scores[0], boxes[0], 0.3, 0.6, 20)
    found = detect(detector, image, LOOSE)
    assert 0 < len(found) <= 20
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)


def test_boxes_are_fractions_of_the_image_without_its_letterbox():
    # A 100x100 image fills columns 16 to 48 of the 64 columns.
    image = np.zeros((100, 100, 3), np.uint8)
    detector = OneBox((0.375, 0.2, 0.5, 0.9), aspect_ratio="padding")
    found = detect(detector, image, LOOSE)
    np.testing.assert_allclose(found.boxes, [[0.25, 0.2, 0.5, 0.9]], atol=1e-6)
    assert found.class_ids.tolist() == [1]
    beside = OneBox((0.8, 0.2, 0.9, 0.9), aspect_ratio="padding")
    assert len(detect(beside, image, LOOSE)) == 0


def test_boxes_are_clipped_to_the_image():
    found = detect(OneBox((-0.5, 0.1, 0.5, 1.5)), np.zeros((10, 20, 3), np.uint8), LOOSE)
    np.testing.assert_allclose(found.boxes, [[0, 0.1, 0.5, 1]], atol=1e-6)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 37])
def test_files_come_in_order_with_the_result_of_each(tiny_detector, tmp_path, count, workers):
    recipe, model = tiny_detector()
    detector = load_detector(model, recipe.spec)
    paths = write_images(tmp_path, count)
    results = list(detect_files(detector, paths, LOOSE, workers=workers))
    assert [path for path, _, _ in results] == paths
    assert [size for _, _, size in results] == [(20 + i, 40) for i in range(count)]
    for path, found, _ in results[:: max(1, count // 4)]:
        alone = detect(detector, read_image(path), LOOSE)
        np.testing.assert_array_equal(found.boxes, alone.boxes)
        np.testing.assert_array_equal(found.scores, alone.scores)


def test_files_are_not_read_far_ahead(tmp_path, monkeypatch):
    paths = write_images(tmp_path, 2) * 200
    read = []
    monkeypatch.setattr(
        "tinydet.data.images.read_image",
        lambda path: read.append(path) or np.zeros((9, 9, 3), "u1"),
    )
    results = detect_files(OneBox((0, 0, 1, 1)), paths, LOOSE, workers=2)
    next(results)
    results.close()
    assert len(read) <= 2 * 2 * 8


def test_opencv_threads_are_restored(tmp_path):
    import cv2

    before = cv2.getNumThreads()
    results = detect_files(OneBox((0, 0, 1, 1)), write_images(tmp_path, 3), LOOSE, workers=1)
    next(results)
    assert cv2.getNumThreads() == 1
    results.close()
    assert cv2.getNumThreads() == before


def test_unreadable_file_is_named(tmp_path):
    paths = write_images(tmp_path, 3)
    paths[1].write_text("no image")
    with pytest.raises(DataError, match=r"001\.png"):
        list(detect_files(OneBox((0, 0, 1, 1)), paths, LOOSE, workers=2))


def test_specification_is_read_beside_the_model(tiny_detector):
    recipe, path = tiny_detector(num_classes=2)
    with pytest.raises(ModelFileError, match=r"no detector\.json .* dataset\.class_names"):
        load_detector(path)
    recipe.spec.save(path.with_name("detector.json"))
    detector = load_detector(path)
    assert detector.spec == recipe.spec
    assert detector.name == "tiny.tflite"


def test_missing_file_and_unknown_kind(tmp_path):
    with pytest.raises(ModelFileError, match="there is no such file"):
        load_detector(tmp_path / "gone.tflite")
    with pytest.raises(UnsupportedError, match=r"'\.onnx'"):
        load_detector(tmp_path / "model.onnx")
