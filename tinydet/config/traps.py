"""What a user of the published files should be told: warnings, and the values made of traps."""

from tinydet.config.document import Document, Scalar
from tinydet.config.expressions import ExpressionError, evaluate
from tinydet.config.requirements import is_needed

INVERTED_SCALE = 64.0  # nobody multiplies pixels by this: 127.5 or 255 stand for 1/127.5, 1/255
AP_SCORE = 0.001


def number(document: Document, *key: str) -> float | None:
    """The number at a key, or None where there is none."""
    text = document.text(*key)
    try:
        value = evaluate(text or "")
    except ExpressionError:
        return None
    return float(value) if isinstance(value, (int, float)) else None


def defuse(document: Document) -> None:
    """Warn of the known traps and correct the values that cannot be meant, in place."""
    _inverted_scale(document)
    postprocessing = document.get("postprocessing")
    if isinstance(postprocessing, dict):
        if document.get("postprocessing", "max_detection_boxes") is None:
            sentence = "is not given: at most 100 boxes are kept per image."
            document.warn(("postprocessing", "max_detection_boxes"), sentence)
        _confidence(document)
    if document.text("preprocessing", "resizing", "aspect_ratio") in ("crop", "padding"):
        document.warn(
            ("preprocessing", "resizing", "aspect_ratio"),
            "the image is scaled before it is cropped or padded, in training as on the device "
            "(the published training cropped or padded without scaling).",
        )


def _inverted_scale(document: Document) -> None:
    key = ("preprocessing", "rescaling", "scale")
    scale = number(document, *key)
    if scale is not None and scale >= INVERTED_SCALE:
        sentence = (
            f"{scale:g} is read as 1/{scale:g}: network input = scale * pixel + offset, so "
            f"{scale:g} itself would give inputs up to {scale * 255:g}."
        )
        document.warn(key, sentence)
        document.put(key, Scalar(f"1/{scale!r}"), document.origin(key))


def _confidence(document: Document) -> None:
    key = ("postprocessing", "confidence_thresh")
    confidence = number(document, *key)
    written = document.get("evaluation", "score_threshold") is not None
    evaluates = is_needed(document, ("evaluation",))
    if confidence is None or confidence <= AP_SCORE or written or not evaluates:
        return
    document.warn(
        key,
        f"{confidence:g} is used for prediction and pictures. AP is computed from all detections "
        f"with a score of {AP_SCORE} or more, unless evaluation.score_threshold is set.",
    )
