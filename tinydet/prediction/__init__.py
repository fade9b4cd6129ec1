"""Prediction: from images, a video or a camera to detections, drawn pictures and JSON lines."""

from contextlib import closing
from pathlib import Path

from tinydet.config.detector_spec import PostprocessSpec
from tinydet.errors import UnsupportedError
from tinydet.inference import Detector, load_detector
from tinydet.prediction.job import Job
from tinydet.prediction.outputs import Prediction as Prediction
from tinydet.prediction.outputs import PredictResult as PredictResult
from tinydet.prediction.sources import ImageFiles, resolve_source
from tinydet.prediction.sources import Source as Source
from tinydet.progress import track


def predict(
    detector: Detector | str | Path,
    source: Source,
    *,
    output: Path | None = None,
    postprocess: PostprocessSpec | None = None,
    score_threshold: float | None = None,
    draw: bool = True,
    max_frames: int | None = None,
) -> PredictResult:
    """Detect objects in images, a video or what a camera sees.

    Into the output folder go ``predictions.jsonl``, one JSON object per image or frame (``file``,
    ``frame``, ``width``, ``height``, ``detections``), and the drawn pictures: an image under its
    name, as ``.jpg``, in the same sub-folder; a video as ``.mp4``. Ctrl-C ends the work, finishes
    these files and is noted in the report.

    Args:
        detector: The model, its file, or the name of a bundled detector, as
            ``person_192``.
        source: See ``tinydet.prediction.sources.resolve_source``. A folder is searched with all
            folders below it, but not the output folder.
        output: Folder for the results, created; None writes nothing.
        postprocess: Thresholds; None takes those of the detector.
        score_threshold: Replaces the score threshold, in [0, 1].
        draw: Whether to write drawn pictures.
        max_frames: Stop a video or camera after this many frames, >= 1; None: at its end.

    Returns:
        Predictions and counts.

    Raises:
        DataError: The source does not exist, contains no image, or a single file or every file of
            it cannot be read.
        UnsupportedError: A list of sources holds a video or a camera, or a number is out of
            its range.
        OutputError: The results cannot be written, or would overwrite the source.
    """
    if max_frames is not None and max_frames < 1:
        raise UnsupportedError("max_frames", str(max_frames), "1 or more", "Choose one of these.")
    if isinstance(detector, (str, Path)):
        detector = load_detector(detector)
    thresholds = postprocess or detector.spec.postprocess
    if score_threshold is not None:
        if not 0 <= score_threshold <= 1:
            remedy = "Choose a value in this range."
            raise UnsupportedError("score_threshold", str(score_threshold), "0 to 1", remedy)
        thresholds = thresholds.model_copy(update={"score_threshold": score_threshold})
    found = resolve_source(source)
    predictions: list[Prediction] = []
    unreadable: list[str] = []
    num_images = num_detections = 0
    was_interrupted = False
    job = Job(detector, thresholds, output, draw, unreadable)
    keep, total = True, max_frames
    if isinstance(found, ImageFiles):
        stream, total = job.on_files(found), len(found.paths)
    else:
        stream = job.on_frames(found, max_frames)
        keep = max_frames is not None or not found.is_camera
    with closing(stream):
        try:
            for prediction in track(stream, "Predicting", total):
                if prediction is None:
                    continue
                num_images += 1
                num_detections += len(prediction.detections)
                if keep:
                    predictions.append(prediction)
        except KeyboardInterrupt:
            was_interrupted = True
    return PredictResult(
        tuple(predictions),
        detector.spec.class_names,
        num_images,
        num_detections,
        tuple(unreadable),
        was_interrupted,
        output,
    )
