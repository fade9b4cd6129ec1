"""The page's WebAssembly under the page's JavaScript, in the engine that Chromium has."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest

import tinydet.targets.web
from tests.targets.web.pages import (
    Page,
    PageDetector,
    assert_same,
    from_records,
    random_images,
    small_files,
    with_alpha,
)
from tinydet.inference import detect
from tinydet.targets import HostTarget, ProgramDetector
from tinydet.targets.web import write_web_folder

DETECTOR_JS = (Path(tinydet.targets.web.__file__).parent / "page" / "detector.js").read_text(
    encoding="utf-8"
)
WAYS = [("fit", "bilinear"), ("crop", "area"), ("padding", "nearest")]
NUM_IMAGES = 24


@pytest.fixture(scope="module", params=WAYS, ids="-".join)
def way(request):
    return request.param


@pytest.fixture(scope="module")
def files(way):
    return small_files(*way)


@pytest.fixture(scope="module")
def host(files, tmp_path_factory):
    return HostTarget().build(files, tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="module")
def page_detector(files, tmp_path_factory):
    folder = write_web_folder(files, tmp_path_factory.mktemp("web"))
    return PageDetector(Page(folder.page), DETECTOR_JS)


def test_detections_are_those_of_this_machine(files, host, page_detector):
    """Images of any size, thresholds of the model: boxes, scores, classes and order are equal."""
    threshold = files.spec.postprocess.score_threshold
    counts = []
    for rgb in random_images(NUM_IMAGES, seed=3):
        record = page_detector.detect(with_alpha(rgb, 255), threshold)
        found, expected = from_records(record["detections"]), host.detect_image(rgb)
        assert_same(found, expected)
        assert record["isOpaque"]
        counts.append(len(found))
    assert len(set(counts)) > 5  # else the images say little


@pytest.mark.parametrize("kernels", ["SIMD", "relaxed SIMD"])
def test_all_kernels_find_the_same(files, host, page_detector, kernels):
    """Whichever are faster in a browser: the same bits."""
    page_detector.use(kernels)
    for rgb in random_images(8, seed=6):
        record = page_detector.detect(with_alpha(rgb, 255), files.spec.postprocess.score_threshold)
        assert record["kernels"] == kernels
        assert_same(from_records(record["detections"]), host.detect_image(rgb))


def test_detections_are_those_of_the_python_path(way, files, host, page_detector):
    """``tinydet.detect`` with the compiled network finds the same: bit for bit where boxes need
    not be moved, else up to the rounding that the C states."""
    detector = ProgramDetector(host)
    for rgb in random_images(NUM_IMAGES, seed=4):
        record = page_detector.detect(with_alpha(rgb, 255), files.spec.postprocess.score_threshold)
        found = from_records(record["detections"])
        expected = detect(detector, rgb, files.spec.postprocess)
        if way[0] == "fit":
            assert_same(found, expected)
        else:
            np.testing.assert_array_equal(found.scores, expected.scores)
            np.testing.assert_allclose(found.boxes, expected.boxes, rtol=0, atol=1e-3 / 32 + 1e-6)


def test_large_images_find_memory(files, host, page_detector):
    """The memory grows with the image, and earlier results do not move."""
    threshold = files.spec.postprocess.score_threshold
    small = list(random_images(6, seed=5))[-1]
    large = np.tile(small, (30, 20, 1))
    for rgb in (small, large, small):
        record = page_detector.detect(with_alpha(rgb, 255), threshold)
        assert_same(from_records(record["detections"]), host.detect_image(rgb))


def test_transparent_parts_are_told_and_ignored(files, page_detector):
    """Alpha changes nothing but the note that it is there."""
    threshold = files.spec.postprocess.score_threshold
    rgb = list(random_images(6, seed=7))[-1]
    opaque = page_detector.detect(with_alpha(rgb, 255), threshold)
    alpha = np.full(rgb.shape[:2], 255)
    alpha[-1, -1] = 254
    seen_through = page_detector.detect(with_alpha(rgb, alpha), threshold)
    assert not seen_through["isOpaque"]
    assert seen_through["detections"] == opaque["detections"]


def test_too_large_an_image_is_refused(page_detector):
    rgba = np.zeros((1, 16384, 4), np.uint8)
    with pytest.raises(Exception, match="RangeError: the image is too large"):
        page_detector.detect(rgba, 0.5)


def test_the_worker_answers_calls_in_their_order(files, host, page_detector, tmp_path):
    """Every call has an answer with its number: what was found, or the error that it ended with."""
    page = Page(write_web_folder(files, tmp_path).page)
    # What unpacks modules is part of browsers, not of this engine.
    page_detector.engine.eval("unpacked = async (text) => fromBase64(text)")
    program = json.dumps(base64.b64encode(page.module).decode())
    relaxed = json.dumps(base64.b64encode(page.relaxed).decode())
    names = json.dumps(list(files.spec.class_names))
    rgb = list(random_images(6, seed=9))[-1]
    height, width, _ = rgb.shape
    pixels = ",".join(map(str, with_alpha(rgb, 255).ravel()))
    image = f"{{data: new Uint8Array([{pixels}]), width: {width}, height: {height}}}"
    wide = "{data: new Uint8Array(4 * 16384), width: 16384, height: 1}"
    calls = [("load", f"[{program}, {names}, {relaxed}]")]
    calls += [("detect", f"[{image}]"), ("detect", f"[{wide}]")]
    posted = "".join(
        f"scope.onmessage({{data: {{number: {number}, method: '{method}', given: {given}}}}});"
        for number, (method, given) in enumerate(calls, 1)
    )
    answers = json.loads(
        page_detector.engine.eval(
            "new Promise((resolve) => { const sent = []; const scope = { postMessage(answer) {"
            f" if (sent.push(answer) === {len(calls)}) resolve(JSON.stringify(sent)); }} }};"
            f" answerCalls(scope); {posted} }})"
        ).get()
    )
    assert [answer["number"] for answer in answers] == [1, 2, 3]
    threshold = np.float32(files.spec.postprocess.score_threshold)
    records = answers[1]["result"]["detections"]
    found = from_records([record for record in records if record["score"] >= threshold])
    assert_same(found, host.detect_image(rgb))
    assert answers[2]["error"] == {"name": "RangeError", "message": "the image is too large"}


def test_slider_gives_what_the_threshold_gives(tmp_path):
    """For every score of the slider: the detections of a detector with this threshold compiled
    in, also where more boxes pass than are given."""
    few = {"max_detections": 5, "nms_iou_threshold": 0.7}
    page = Page(write_web_folder(small_files(**few), tmp_path / "web").page)
    page_detector = PageDetector(page, DETECTOR_JS)
    images = list(random_images(8, seed=8))
    for threshold in (0.05, 0.37, 0.9):
        files = small_files(**few, score_threshold=threshold)
        host = HostTarget().build(files, tmp_path / f"{threshold}")
        for rgb in images:
            record = page_detector.detect(with_alpha(rgb, 255), threshold)
            assert_same(from_records(record["detections"]), host.detect_image(rgb))


def test_scores_are_compared_as_float32(page_detector):
    """The threshold is rounded to float32 first, as NumPy does: 0.3 itself passes 0.3."""
    rng = np.random.default_rng(1)
    for threshold in [0.1, 0.3, 0.7, *rng.random(20).tolist()]:
        nearest = np.float32(threshold)
        scores = [np.nextafter(nearest, np.float32(0)), nearest]
        records = "[" + ",".join(f"{{score: {float(score)!r}}}" for score in scores) + "]"
        assert page_detector.engine.eval(f"withScore({records}, {threshold!r}).length") == 1
