"""What the words of the command line stand for."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

KIB = 1024
UNITS = {"": 1, "B": 1, "K": KIB, "KB": KIB, "KIB": KIB, "M": KIB**2, "MB": KIB**2, "MIB": KIB**2}


def names(text: str) -> list[str]:
    """Class names, separated by commas.

    >>> names("person, traffic light")
    ['person', 'traffic light']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def size_px(text: str) -> tuple[int, int]:
    """A side, or height and width, in pixels.

    Raises:
        argparse.ArgumentTypeError: It is neither.

    >>> size_px("192"), size_px("192x416")
    ((192, 192), (192, 416))
    """
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a side nor HEIGHTxWIDTH, in pixels")
    return int(sides[0]), int(sides[-1])


def count(text: str) -> int:
    """A positive integer.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def number(text: str) -> float:
    """A number.

    Raises:
        argparse.ArgumentTypeError: It is none, or not finite.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def integer(text: str) -> int:
    """An integer.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer") from None


def size_bytes(text: str) -> int:
    """A size of memory; K and M are 1024 and 1024 * 1024.

    Raises:
        argparse.ArgumentTypeError: It is none.

    >>> size_bytes("128K"), size_bytes("0.5 MiB"), size_bytes("300000")
    (131072, 524288, 300000)
    """
    digits = text.rstrip("KMIBkmib ")
    unit = text[len(digits) :].strip().upper()
    try:
        size = float(digits) * UNITS[unit]
    except (ValueError, KeyError):
        size = 0
    if not 1 <= size < 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 128K, 1M or 300000")
    return int(size)


# Kind of an option -> how its text is read. A flag has no text.
KINDS: Mapping[str, Callable[[str], Any]] = {
    "text": str,
    "path": Path,
    "names": names,
    "size": size_px,
    "count": count,
    "number": number,
    "integer": integer,
    "bytes": size_bytes,
    "flag": bool,
}
