"""``tinydet predict``: objects in images, a video or a camera."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.commands.options import Command, Option, output_option
from tinydet.errors import DataError, ModelFileError, near_name
from tinydet.notes import tell
from tinydet.pretrained import DEFAULT, LISTED, NAMES, model_path

if TYPE_CHECKING:
    from tinydet.config.detector_spec import PostprocessSpec
    from tinydet.inference import Detector
    from tinydet.prediction import PredictResult, Source

CLASSES = Option(
    "--classes",
    "class names of a model without detector.json, separated by commas",
    "names",
    parameter="class_names",
    metavar="NAMES",
    only=("undescribed",),
)
SCORE = Option(
    "--score",
    "score threshold",
    "number",
    parameter="score_threshold",
    default_text="that of the model",
)
# One model and some sources, in this order, with options anywhere between: where the model may be
# left out, a parser cannot tell them apart, so ``predict_words`` does, by what they say.
COMMAND = Command(
    "predict",
    "find objects in images, a video or a camera",
    "tinydet.commands.predict:predict_words",
    (
        Option(
            "model",
            f".keras or .tflite file, or a bundled detector: {LISTED}",
            default_text=DEFAULT,
        ),
        Option("source", "images, a folder, a video file, or camera:0", many=True, required=True),
        SCORE,
        CLASSES,
        Option("--max-frames", "stop a video or camera after N frames", "count", only=("frames",)),
        output_option("predictions"),
    ),
    words_for="source",
)


def predict(
    detector: "Detector | str | Path",
    source: "Source",
    *,
    output: str | Path | None = None,
    postprocess: "PostprocessSpec | None" = None,
    score_threshold: float | None = None,
    draw: bool = True,
    max_frames: int | None = None,
    class_names: Sequence[str] | None = None,
) -> "PredictResult":
    """Detect objects in images, a video or the frames of a camera.

    The output folder gets ``predictions.jsonl``, one JSON object per image or frame, and the
    drawn pictures; see ``tinydet.prediction.predict``.

    Args:
        detector: The model, its file, or the name of a bundled detector (``person_192``).
        source: An image file; a folder; a pattern; a list of these; a video file; or a camera,
            as ``"camera:0"``.
        output: Folder for the results, created; None writes nothing.
        postprocess: Thresholds; None uses those of the detector.
        score_threshold: Replaces the score threshold, in [0, 1].
        draw: Whether to write drawn pictures.
        max_frames: Stop a video or camera after this many frames, >= 1; None: at its end.
        class_names: For a model without ``detector.json``: class names in the order of its outputs.

    Returns:
        Predictions and counts.

    Raises:
        TinydetError: The model or the source cannot be used, an option does not apply to them,
            or the results cannot be written.
    """
    from tinydet import prediction
    from tinydet.inference import check_model_file
    from tinydet.prediction.sources import FrameStream, resolve_source

    if isinstance(detector, (str, Path)):
        check_model_file(model_path(detector))
    contexts = model_contexts(detector)
    if max_frames is not None and isinstance(resolve_source(source), FrameStream):
        contexts.add("frames")
    COMMAND.check(contexts, class_names=class_names, max_frames=max_frames)
    return prediction.predict(
        loaded(detector, class_names),
        source,
        output=None if output is None else Path(output),
        postprocess=postprocess,
        score_threshold=score_threshold,
        draw=draw,
        max_frames=max_frames,
    )


def model_contexts(detector: "Detector | str | Path") -> set[str]:
    """``undescribed`` for a file without ``detector.json``, whose classes a user can name."""
    from tinydet.pipeline.detector_of import is_described

    if isinstance(detector, (str, Path)) and not is_described(model_path(detector)):
        return {"undescribed"}
    return set()


def loaded(
    detector: "Detector | str | Path", class_names: Sequence[str] | None = None
) -> "Detector":
    """A detector that may be given by its file or name, with the classes of one that has none."""
    from tinydet.inference import load_detector
    from tinydet.pipeline.detector_of import spec_for

    if not isinstance(detector, (str, Path)):
        return detector
    path = model_path(detector)
    return load_detector(path, spec_for(path, class_names))


def predict_words(
    source: Sequence[str],
    *,
    model: str | None = None,
    output: Path,
    score_threshold: float | None = None,
    class_names: Sequence[str] | None = None,
    max_frames: int | None = None,
) -> "PredictResult":
    """The command: the first word may be the model, all others are images."""
    words = [word for word in (model, *source) if word is not None]
    if is_model(words[0]):
        model, words = words[0], words[1:]
        if not words:
            raise DataError("source", "is not given", "Give images after the model.")
    else:
        _refuse_misspelt(words[0])
        model = DEFAULT
        tell(f"No model named: using {DEFAULT}, which comes with tinydet and finds people")
    for word in words:
        if word.lower().endswith(_model_suffixes()):
            raise DataError(word, "is a model, not an image", "Give the model first, then images.")
    return predict(
        model,
        words if len(words) > 1 else words[0],
        output=output,
        score_threshold=score_threshold,
        class_names=class_names,
        max_frames=max_frames,
    )


def is_model(text: str) -> bool:
    """Whether a word means a model rather than images.

    >>> is_model("mine.LITE"), is_model("person"), is_model("photo.jpg")
    (True, True, False)
    """
    from tinydet.config.detector_spec import SAVED_MODEL

    is_saved_model = (Path(text) / SAVED_MODEL).is_file()
    is_named = text.lower().endswith(_model_suffixes()) or model_path(text) != Path(text)
    return is_named or is_saved_model


def _model_suffixes() -> tuple[str, ...]:
    """How models end; those of other tools too, which are refused as models."""
    from tinydet.config.detector_spec import KERAS_SUFFIXES, OTHER_MODEL_SUFFIXES, TFLITE_SUFFIXES

    return KERAS_SUFFIXES + TFLITE_SUFFIXES + OTHER_MODEL_SUFFIXES


def _refuse_misspelt(word: str) -> None:
    hint = near_name(word, NAMES)
    if hint and word.isidentifier() and not Path(word).exists():
        remedy = f"Give images, or a model before them: a file, or one of {LISTED}.{hint}"
        raise ModelFileError(word, "is neither a file nor a bundled detector", remedy)
