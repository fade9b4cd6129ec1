"""Trained detectors that come with the package, by name.

Each name has a folder with ``NAME.tflite`` (int8), its ``detector.json``, and ``README.md``, the
model card: what it was trained on, what it reaches, its limits. Those that serve as starting points
also have ``NAME.keras`` (float); the others leave it out to keep the package small.
All are made by ``benchmarks/pretrained.py``.
"""

from math import sqrt
from pathlib import Path

from tinydet.errors import ModelFileError

# Name -> side of its square input, pixels; the larger one last. The small one is the network of
# training.model.size: small.
INPUT_SIDES_PX = {
    "person_small_192": 192,
    "person_192": 192,
    "person_224": 224,
    "person_256": 256,
    "person_416": 416,
}
ALPHA = 0.35  # width multiplier of all
WITH_FLOAT_FILE = ("person_192", "person_256")  # the network takes any size: these start the others
DEFAULT = "person_256"
PERSON = "person"  # the default; as a start of training the one with the nearest input size
NAMES = (PERSON, *INPUT_SIDES_PX)
LISTED = ", ".join(NAMES)
STARTS = ", ".join((PERSON, *WITH_FLOAT_FILE))
INT8, FLOAT = ".tflite", ".keras"
FOLDER = Path(__file__).parent


def is_pretrained(name: str) -> bool:
    """Whether a text names a bundled detector, with or without ``.tflite`` or ``.keras``.

    >>> is_pretrained("person_192"), is_pretrained("person_192.keras"), is_pretrained("cat")
    (True, True, False)
    """
    return _name_and_suffix(name)[0] in NAMES


def pretrained_model(name: str, suffix: str = INT8) -> Path:
    """The model file of a bundled detector; ``detector.json`` is beside it.

    Args:
        name: One of ``NAMES``; one that ends in ``.tflite`` or ``.keras`` means this file.
        suffix: ``INT8`` or ``FLOAT``, of a name without one.

    Raises:
        KeyError: There is no such detector.
        ModelFileError: The detector comes without a float file.

    >>> pretrained_model("person").name, pretrained_model("person_192", FLOAT).name
    ('person_256.tflite', 'person_192.keras')
    """
    stem, given = _name_and_suffix(name)
    stem = DEFAULT if stem == PERSON else stem
    if stem not in INPUT_SIDES_PX:
        raise KeyError(name)
    if (given or suffix) == FLOAT and stem not in WITH_FLOAT_FILE:
        raise ModelFileError(
            f"{stem}{FLOAT}",
            "is not part of the package, which holds this detector as int8 only",
            f"Take the float file of {' or '.join(WITH_FLOAT_FILE)}: the network takes any size.",
        )
    return FOLDER / stem / f"{stem}{given or suffix}"


def model_path(model: str | Path, suffix: str = INT8) -> Path:
    """The path of a model that is given by path or by the name of a bundled detector.

    Whatever exists under the name in the current folder comes before the package's.

    Args:
        model: Path or name.
        suffix: See ``pretrained_model``.
    """
    if is_pretrained(str(model)) and not Path(model).exists():
        return pretrained_model(str(model), suffix)
    return Path(model)


def start_for(name: str, height: int, width: int) -> Path:
    """The float model to start a training from.

    Args:
        name: One of ``NAMES``; ``person`` is the one with the nearest input size.
        height: Input height of the network to train, pixels.
        width: Input width, pixels.

    >>> start_for("person", 192, 224).name, start_for("person", 416, 416).name
    ('person_192.keras', 'person_256.keras')
    """
    if name == PERSON:
        side = sqrt(height * width)
        # Of two that are equally near the larger: it has learnt the finer details.
        name = min(reversed(WITH_FLOAT_FILE), key=lambda near: abs(INPUT_SIDES_PX[near] - side))
    return pretrained_model(name, FLOAT)


def _name_and_suffix(text: str) -> tuple[str, str]:
    for suffix in (INT8, FLOAT):
        if text.endswith(suffix):
            return text.removesuffix(suffix), suffix
    return text, ""
