"""Prediction on every kind of source, with a detector that finds bright rectangles."""

import itertools
import json
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tinydet.config.detector_spec import DetectorSpec, PostprocessSpec, PreprocessSpec
from tinydet.errors import DataError, OutputError, UnsupportedError
from tinydet.prediction import job, predict

BOX = (0.2, 0.5, 0.4, 0.9)  # unlike in every turn and mirror image


class BrightDetector:
    """One anchor: the extent of the bright pixels, score 0.8, class 1 of 2."""

    name = "bright.tflite"
    spec = DetectorSpec(
        class_names=("none", "lämp"), preprocess=PreprocessSpec(height=64, width=96)
    )

    def outputs(self, images_u8):
        boxes = np.zeros((len(images_u8), 1, 4), np.float32)
        for image, box in zip(images_u8, boxes, strict=True):
            rows, columns = np.nonzero(image.min(axis=2) > 128)
            if len(rows):
                box[0] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        boxes /= np.array([96, 64, 96, 64], np.float32)
        return np.full((len(images_u8), 1, 3), [0.2, 0, 0.8], np.float32), boxes


def lamp_image(height=120, width=200):
    image = np.full((height, width, 3), 20, np.uint8)
    x_min, y_min, x_max, y_max = np.rint(np.array(BOX) * [width, height, width, height]).astype(int)
    image[y_min:y_max, x_min:x_max] = 240
    return image


def save(path, image=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(lamp_image() if image is None else image).save(path, **options)
    return path


def records(folder):
    lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def files_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def video(tmp_path):
    """Ten frames of 160 x 120; the lamp is off in the first three."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 120))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no MJPG video")
    for index in range(10):
        writer.write(lamp_image(120, 160) // (1 if index >= 3 else 8))
    writer.release()
    return path


def test_one_image(tmp_path):
    source = save(tmp_path / "in" / "a.png")
    report = predict(BrightDetector(), source, output=tmp_path / "out")
    (prediction,) = report.predictions
    assert (prediction.height, prediction.width, prediction.frame_index) == (120, 200, None)
    np.testing.assert_allclose(prediction.detections.boxes[0], BOX, atol=0.02)
    assert files_in(tmp_path / "out") == ["a.jpg", "predictions.jsonl"]
    (record,) = records(tmp_path / "out")
    found = record.pop("detections")
    assert record == {"file": str(source), "frame": None, "width": 200, "height": 120}
    assert [(d["class_id"], d["class_name"], d["score"]) for d in found] == [(1, "lämp", 0.8)]
    with Image.open(tmp_path / "out" / "a.jpg") as drawn:
        assert drawn.size == (200, 120)
        # Above the lamp's box stands its label.
        assert np.array(drawn)[50:58, 42:70].std() > 20


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_followed(tmp_path, orientation):
    """Boxes and drawing are those of the upright image, however it is stored."""
    upright = lamp_image()
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = save(tmp_path / "in" / "a.jpg", np.ascontiguousarray(stored), exif=exif)
    report = predict(BrightDetector(), source, output=tmp_path / "out")
    np.testing.assert_allclose(report.predictions[0].detections.boxes[0], BOX, atol=0.02)
    assert (report.predictions[0].height, report.predictions[0].width) == (120, 200)
    with Image.open(tmp_path / "out" / "a.jpg") as drawn:
        assert drawn.size == (200, 120)
        assert not drawn.getexif().get(0x0112)


def test_folder_keeps_order_and_sub_folders(tmp_path):
    """Images of one name in two folders, or of two suffixes, do not overwrite each other."""
    names = ["a/x.jpg", "b/c/y.bmp", "b/x.jpg", "b/x.png", "z.JPEG"]
    for name in names:
        save(tmp_path / "in" / name)
    report = predict(BrightDetector(), tmp_path / "in", output=tmp_path / "out")
    assert [p.path for p in report.predictions] == [tmp_path / "in" / name for name in names]
    assert [r["file"] for r in records(tmp_path / "out")] == [
        str(tmp_path / "in" / name) for name in names
    ]
    assert files_in(tmp_path / "out") == [
        "a/x.jpg",
        "b/c/y.jpg",
        "b/x.jpg.jpg",
        "b/x.png.jpg",
        "predictions.jsonl",
        "z.jpg",
    ]
    assert report.summary().startswith("5 detections in 5 images, in ")


def test_unreadable_image_in_a_folder_is_counted_and_named(tmp_path):
    save(tmp_path / "in" / "a.jpg")
    (tmp_path / "in" / "b.jpg").write_text("no image")
    save(tmp_path / "in" / "c.jpg")
    report = predict(BrightDetector(), tmp_path / "in", output=tmp_path / "out")
    assert report.num_images == len(records(tmp_path / "out")) == 2
    assert len(report.unreadable) == 1
    assert "b.jpg" in report.unreadable[0]
    assert "1 could not be read:\n  " in report.summary()


def test_nothing_readable_is_an_error_and_leaves_no_records(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "in" / name).write_text("no image")
    with pytest.raises(DataError, match=r"none of its 2 images can be read.*a\.jpg"):
        predict(BrightDetector(), tmp_path / "in", output=tmp_path / "out")
    assert files_in(tmp_path / "out") == []


def test_single_unreadable_file_is_an_error(tmp_path):
    (tmp_path / "a.jpg").write_text("no image")
    with pytest.raises(DataError, match=r"a\.jpg"):
        predict(BrightDetector(), tmp_path / "a.jpg", output=tmp_path / "out")
    assert files_in(tmp_path / "out") == []


def test_many_files_come_in_order_whatever_takes_long(tmp_path):
    class UnevenDetector(BrightDetector):
        def outputs(self, images_u8):
            time.sleep(0.02 * (images_u8[0, 0, 0, 0] % 3))
            return super().outputs(images_u8)

    for index in range(20):
        save(tmp_path / "in" / f"{index:02d}.png", np.full((30, 40, 3), index, np.uint8))
    report = predict(UnevenDetector(), tmp_path / "in")
    assert [int(p.path.stem) for p in report.predictions] == list(range(20))


def test_threshold_replaces_the_one_of_the_detector(tmp_path):
    source = save(tmp_path / "a.png")
    assert len(predict(BrightDetector(), source).predictions[0].detections) == 1
    assert (
        len(predict(BrightDetector(), source, score_threshold=0.81).predictions[0].detections) == 0
    )
    strict = PostprocessSpec(score_threshold=0.9)
    assert predict(BrightDetector(), source, postprocess=strict).num_detections == 0
    with pytest.raises(UnsupportedError, match=r"score_threshold: 1\.5 is not supported"):
        predict(BrightDetector(), source, score_threshold=1.5)


def test_without_drawing_only_records_are_written(tmp_path):
    source = save(tmp_path / "a.png")
    predict(BrightDetector(), source, output=tmp_path / "out", draw=False)
    assert files_in(tmp_path / "out") == ["predictions.jsonl"]


def test_source_is_never_overwritten(tmp_path):
    source = save(tmp_path / "in" / "a.jpg")
    before = source.read_bytes()
    with pytest.raises(OutputError, match=r"a\.jpg: is one of the images"):
        predict(BrightDetector(), tmp_path / "in", output=tmp_path / "in")
    assert files_in(tmp_path / "in") == ["a.jpg"]
    assert source.read_bytes() == before


def test_results_inside_the_source_folder_are_no_source(tmp_path):
    save(tmp_path / "a.jpg")
    for _ in range(2):
        report = predict(BrightDetector(), tmp_path, output=tmp_path / "out")
        assert [p.path.name for p in report.predictions] == ["a.jpg"]
        assert files_in(tmp_path) == ["a.jpg", "out/a.jpg", "out/predictions.jsonl"]


def test_video_gives_a_record_per_frame_and_a_drawn_video(tmp_path, video):
    report = predict(BrightDetector(), video, output=tmp_path / "out")
    assert [p.frame_index for p in report.predictions] == list(range(10))
    assert [len(p.detections) for p in report.predictions] == [0] * 3 + [1] * 7
    assert [r["frame"] for r in records(tmp_path / "out")] == list(range(10))
    assert report.unreadable == ()
    assert files_in(tmp_path / "out") == ["clip.mp4", "predictions.jsonl"]
    capture = cv2.VideoCapture(str(tmp_path / "out" / "clip.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 10
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    frames = [capture.read()[1] for _ in range(10)]
    capture.release()
    assert frames[0].shape == (120, 160, 3)
    # The label's colour (class 1 is sky blue, BGR order here) shows where the lamp is on.
    sky_blue = np.array([233, 180, 86])
    near = [np.abs(f.astype(int) - sky_blue).max(axis=2).min() < 40 for f in frames]
    assert near == [False] * 3 + [True] * 7


def test_max_frames_ends_a_video(tmp_path, video):
    report = predict(BrightDetector(), video, output=tmp_path / "out", max_frames=4)
    assert len(report.predictions) == len(records(tmp_path / "out")) == 4
    assert report.unreadable == ()
    with pytest.raises(UnsupportedError, match="max_frames: 0 is not supported"):
        predict(BrightDetector(), video, max_frames=0)


def test_broken_video_cannot_be_opened(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(DataError, match=r"a\.mp4: cannot be opened"):
        predict(BrightDetector(), tmp_path / "a.mp4", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_camera_is_an_error():
    with pytest.raises(DataError, match=r"camera:97: cannot be opened.*Connect the camera"):
        predict(BrightDetector(), "camera:97")


class FakeCamera:
    """Stands in for ``cv2.VideoCapture``: gives frames until it is unplugged."""

    def __init__(self, frames, stated_frames=0.0):
        self.left = frames
        self.stated_frames = stated_frames
        self.released = False

    def isOpened(self):  # noqa: N802 (the name OpenCV gives it)
        return True

    def get(self, name):
        return self.stated_frames if name == cv2.CAP_PROP_FRAME_COUNT else 0.0

    def read(self):
        self.left -= 1
        return (True, lamp_image(120, 160)) if self.left >= 0 else (False, None)

    def release(self):
        self.released = True


def test_camera_that_stops_is_told_and_results_are_whole(tmp_path, monkeypatch):
    camera = FakeCamera(5)
    monkeypatch.setattr(cv2, "VideoCapture", lambda index: camera if index == 3 else None)
    report = predict(BrightDetector(), 3, output=tmp_path / "out")
    assert report.num_images == len(records(tmp_path / "out")) == 5
    assert report.predictions == (), "there may be no end to them"
    assert report.unreadable == ("camera:3: stopped after 5 frames",)
    assert files_in(tmp_path / "out") == ["camera_3.mp4", "predictions.jsonl"]
    assert camera.released


@pytest.mark.parametrize(("frames", "is_told"), [(100, False), (99, False), (60, True)])
def test_shortened_video_is_told(tmp_path, monkeypatch, frames, is_told):
    monkeypatch.setattr(cv2, "VideoCapture", lambda _: FakeCamera(frames, 100))
    (tmp_path / "a.mp4").touch()
    report = predict(BrightDetector(), tmp_path / "a.mp4")
    expected = (f"{tmp_path / 'a.mp4'}: only 60 of 100 frames could be read",)
    assert report.unreadable == (expected if is_told else ())
    assert report.num_images == frames


def test_video_without_frames_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", lambda _: FakeCamera(0))
    (tmp_path / "a.mp4").touch()
    with pytest.raises(DataError, match=r"a\.mp4: delivers no frames"):
        predict(BrightDetector(), tmp_path / "a.mp4", output=tmp_path / "out")
    assert files_in(tmp_path / "out") == []


def test_names_with_dots_stay_inside_the_output_folder(tmp_path, monkeypatch):
    save(tmp_path / "a.jpg")
    save(tmp_path / "sub" / "b.jpg")
    monkeypatch.chdir(tmp_path / "sub")
    predict(BrightDetector(), ["../a.jpg", "b.jpg"], output=tmp_path / "out")
    assert files_in(tmp_path / "out") == ["a.jpg", "predictions.jsonl", "sub/b.jpg"]


def test_camera_with_max_frames_returns_them(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", lambda _: FakeCamera(50))
    assert len(predict(BrightDetector(), "camera:0", max_frames=7).predictions) == 7


def test_interrupt_keeps_what_was_done(tmp_path, monkeypatch):
    """Ctrl-C while the detector works: whole files with the frames before it, and a message."""

    class Interrupted(BrightDetector):
        calls = 0

        def outputs(self, images_u8):
            self.calls += 1
            if self.calls == 4:
                signal.raise_signal(signal.SIGINT)
            return super().outputs(images_u8)

    camera = FakeCamera(10**6)
    monkeypatch.setattr(cv2, "VideoCapture", lambda _: camera)
    report = predict(Interrupted(), 0, output=tmp_path / "out")
    assert report.was_interrupted
    assert report.num_images == len(records(tmp_path / "out")) == 3
    assert report.summary().startswith("stopped after 3 images: 3 detections")
    assert files_in(tmp_path / "out") == ["camera_0.mp4", "predictions.jsonl"]
    assert camera.released


def test_interrupt_while_images_are_worked_on(tmp_path, monkeypatch):
    class Interrupted(BrightDetector):
        calls = itertools.count()

        def outputs(self, images_u8):
            if next(self.calls) == 40:
                signal.raise_signal(signal.SIGINT)
            return super().outputs(images_u8)

    monkeypatch.setattr(job, "MOST_WORKERS", 2)  # so that some are done and some are not begun
    for index in range(80):
        save(tmp_path / "in" / f"{index:02d}.png", lamp_image(30, 50))
    report = predict(Interrupted(), tmp_path / "in", output=tmp_path / "out")
    assert report.was_interrupted
    assert 0 < report.num_images < 80
    assert len(records(tmp_path / "out")) == report.num_images
    assert not list((tmp_path / "out").glob(".*"))


def test_records_grow_while_the_camera_runs_but_have_no_final_name(tmp_path, monkeypatch):
    seen = []

    class Watcher(BrightDetector):
        def outputs(self, images_u8):
            parts = list((tmp_path / "out").glob(".predictions*.part.jsonl"))
            lines = parts[0].read_text(encoding="utf-8").count("\n") if parts else None
            seen.append((lines, (tmp_path / "out" / "predictions.jsonl").exists()))
            return super().outputs(images_u8)

    monkeypatch.setattr(cv2, "VideoCapture", lambda _: FakeCamera(3))
    predict(Watcher(), 0, output=tmp_path / "out")
    assert seen == [(0, False), (1, False), (2, False)]


def test_failing_detector_leaves_no_records(tmp_path):
    class Failing(BrightDetector):
        def outputs(self, images_u8):
            raise RuntimeError(f"our bug with {len(images_u8)} image")

    source = save(tmp_path / "a.png")
    with pytest.raises(RuntimeError, match="our bug with 1 image"):
        predict(Failing(), source, output=tmp_path / "out")
    assert files_in(tmp_path / "out") == []


def test_unwritable_output_is_an_error(tmp_path):
    source = save(tmp_path / "a.png")
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="out: cannot be written"):
        predict(BrightDetector(), source, output=tmp_path / "out")


def test_path_of_an_unreadable_source_is_a_path_object(tmp_path):
    with pytest.raises(DataError, match=r"missing\.jpg: does not exist"):
        predict(BrightDetector(), Path("missing.jpg"), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
