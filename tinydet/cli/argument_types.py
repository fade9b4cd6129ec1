"""What the words of the command line stand for."""

import argparse
from pathlib import Path

from tinydet.pretrained import FLOAT, INT8, model_path

# Repeated here so that ``tinydet --help`` imports no stage; a test compares the two.
MODEL_SUFFIXES = (".keras", ".h5", ".hdf5", ".tflite")
KIB = 1024
UNITS = {"": 1, "B": 1, "K": KIB, "KB": KIB, "KIB": KIB, "M": KIB**2, "MB": KIB**2, "MIB": KIB**2}


def class_list(text: str) -> list[str]:
    """Class names as the options write them: separated by commas.

    >>> class_list("person, traffic light")
    ['person', 'traffic light']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def detector(text: str) -> Path:
    """A model file, the folder of a run, or a detector of the package by its name (int8).

    What does not exist is left to the command, whose error says what it would do with it.

    >>> detector("person_192").name, detector("mine.keras").name
    ('person_192.tflite', 'mine.keras')
    """
    return model_path(text, INT8)


def float_detector(text: str) -> Path:
    """The same for commands that work on the float model.

    >>> float_detector("person_192").name
    'person_192.keras'
    """
    return model_path(text, FLOAT)


def is_model(text: str) -> bool:
    """Whether a word means a model rather than images.

    >>> is_model("mine.tflite"), is_model("person"), is_model("photo.jpg")
    (True, True, False)
    """
    return text.lower().endswith(MODEL_SUFFIXES) or model_path(text) != Path(text)


def input_shape(text: str) -> str:
    """A side, or height and width, as the configuration writes the input shape.

    Raises:
        argparse.ArgumentTypeError: It is neither.

    >>> input_shape("192"), input_shape("192x416")
    ('(192, 192, 3)', '(192, 416, 3)')
    """
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a side nor HEIGHTxWIDTH, in pixels")
    return f"({sides[0]}, {sides[-1]}, 3)"


def count(text: str) -> int:
    """A whole number from 1 on.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def size_bytes(text: str) -> int:
    """A size of memory; K and M are 1024 and 1024 * 1024.

    Raises:
        argparse.ArgumentTypeError: It is none.

    >>> size_bytes("128K"), size_bytes("0.5 MiB"), size_bytes("300000")
    (131072, 524288, 300000)
    """
    number = text.rstrip("KMIBkmib ")
    unit = text[len(number) :].strip().upper()
    try:
        size = float(number) * UNITS[unit]
    except (ValueError, KeyError):
        size = 0
    if not 1 <= size < 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 128K, 1M or 300000")
    return int(size)
