"""Starting a network from the weights of a trained detector."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from tinydet.backends.foreign_layers import refuse_layers_of_others
from tinydet.errors import ModelFileError, UnsupportedError, first_line
from tinydet.pretrained import NAMES, start_for

KEY = "training.model.pretrained_weights"
DETECTOR_SUFFIX = ".keras"
PREDICTOR = re.compile(r"head_p\d_(class|box)_project(_bn)?")
NECK = ("fpn_", "head_")
DEEPEST_LATERAL = "fpn_lateral_p5_conv"  # every detector of ``build_detector`` has it
ALPHA_IN_NAME = re.compile(r"_a(\d{3})$")


@dataclass(frozen=True)
class TrainedStart:
    """What a network has from a trained detector.

    Attributes:
        source: File of the detector.
        taken: Names of the layers that have its weights, in order.
        fresh: Names of the layers that keep their fresh initial weights.
    """

    source: Path
    taken: tuple[str, ...]
    fresh: tuple[str, ...]

    def __str__(self) -> str:
        """One line for the log."""
        part = "" if any(name.startswith(NECK) for name in self.taken) else " of the backbone"
        text = f"Starting from {self.source.name}: {len(self.taken)} layers{part} loaded"
        if not self.fresh:
            return f"{text}, none starts fresh"
        if part:
            return f"{text}, pyramid and heads start fresh"
        kinds = dict.fromkeys(f"{kind} predictors" for n in self.fresh if (kind := _predicts(n)))
        others = [name for name in self.fresh if not _predicts(name)]
        named = [*kinds, *([f"{len(others)} other layers"] if others else [])]
        return f"{text}, {' and '.join(named)} start fresh"


def detector_to_start_from(weights: str | None, height: int, width: int) -> Path | None:
    """The trained detector that ``training.model.pretrained_weights`` names.

    Args:
        weights: Path of a ``.keras`` detector, or the name of one of the package. A file with the
            name comes first.
        height: Input height of the network to train, pixels.
        width: Input width, pixels.

    Returns:
        Its file; None where something else is named (``imagenet``, weights of the backbone) or
        nothing.

    Raises:
        ModelFileError: There is no such file.
    """
    if weights is None:
        return None
    path = Path(weights).expanduser()
    if weights in NAMES and not path.is_file():
        return start_for(weights, height, width)
    if path.suffix.lower() != DETECTOR_SUFFIX:
        return None
    if not path.is_file():
        raise ModelFileError(KEY, f"there is no file {weights}", "Correct the path.")
    return path


def start_from_detector(
    model: keras.Model, source: Path, *, same_classes: bool = True
) -> TrainedStart:
    """Take over the weights of a trained detector, layer by layer, by name.

    Each layer of the same name and the same shapes is taken; the input size may differ. What
    depends on classes and anchors may differ, too: with other classes the class predictors start
    fresh, with another number of anchors per location all predictors, with other ``fpn_channels``
    pyramid and heads.

    Args:
        model: From ``build_detector``; changed in place.
        source: ``.keras`` file of a detector of ``build_detector``.
        same_classes: Both know the same classes in the same order; of so many as different classes
            the shapes alone tell nothing.

    Returns:
        What was taken.

    Raises:
        ModelFileError: The file is not such a detector.
        UnsupportedError: It has another ``alpha``.
    """
    donor = _load(source)
    donors = {layer.name: layer for layer in donor.layers}
    layers = [layer for layer in model.layers if layer.weights]
    agreeing = {
        layer.name
        for layer in layers
        if layer.name in donors and _shapes(layer) == _shapes(donors[layer.name])
    }
    _require_same_alpha(model, donor, agreeing)
    boxes_agree = all(la.name in agreeing for la in layers if _predicts(la.name) == "box")
    if not (boxes_agree and same_classes):
        agreeing = {name for name in agreeing if _predicts(name) != "class"}
    for layer in layers:
        if layer.name in agreeing:
            layer.set_weights(donors[layer.name].get_weights())
    names = [layer.name for layer in layers]
    return TrainedStart(
        source,
        tuple(name for name in names if name in agreeing),
        tuple(name for name in names if name not in agreeing),
    )


def _load(source: Path) -> keras.Model:
    remedy = "Give a detector that tinydet train saved, such as saved_models/best_model.keras."
    refuse_layers_of_others(source, keras.backend.backend())
    try:
        donor = keras.models.load_model(source, compile=False)
    except Exception as error:  # whatever a foreign file makes Keras raise is the file's fault
        found = f"cannot be loaded by Keras ({first_line(error)})"
        raise ModelFileError(source, found, remedy) from None
    if DEEPEST_LATERAL not in [layer.name for layer in donor.layers]:
        raise ModelFileError(source, "is not a tinydet detector", remedy)
    return donor


def _require_same_alpha(model: keras.Model, donor: keras.Model, agreeing: set[str]) -> None:
    """Refuse a detector of another width: none of its features would mean anything here."""
    names = {layer.name for layer in donor.layers if layer.weights} - agreeing
    if any(la.name in names for la in model.layers if not la.name.startswith(NECK)):
        raise UnsupportedError(
            "training.model.alpha",
            f"{_alpha(model)} with pretrained_weights of another",
            _alpha(donor),
            "Use that of the detector, or start from imagenet.",
        )


def _alpha(network: keras.Model) -> str:
    """Width multiplier of a network, by its name."""
    found = ALPHA_IN_NAME.search(network.name)
    return f"{int(found[1]) / 100:g}" if found else "unknown"


def _predicts(layer_name: str) -> str:
    """``class`` or ``box`` of a predictor's last layers, else an empty text."""
    found = PREDICTOR.fullmatch(layer_name)
    return found[1] if found else ""


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]
