"""From the ``data_augmentation`` section of the configuration to an ``Augmentation``."""

from collections.abc import Mapping
from typing import Any

from tinydet.data.augment.arguments import Argument, resolve_arguments
from tinydet.data.augment.erasing import ERASING_FUNCTIONS
from tinydet.data.augment.generation_2024 import ARGUMENTS_2024, steps_2024
from tinydet.data.augment.geometry import GEOMETRIC_FUNCTIONS
from tinydet.data.augment.mosaic import MOSAIC, MOSAIC_ARGUMENTS, Mosaic
from tinydet.data.augment.object_crop import OBJECT_FUNCTIONS
from tinydet.data.augment.photometric import PIXEL_FUNCTIONS
from tinydet.data.augment.pipeline import Augmentation, Step
from tinydet.errors import ConfigError, UnsupportedError, near_name

SECTION = "data_augmentation"
_CHANGERS = {**PIXEL_FUNCTIONS, **ERASING_FUNCTIONS}

# Every function of the 2025 generation and what it takes.
FUNCTION_ARGUMENTS: dict[str, dict[str, Argument]] = {
    MOSAIC: MOSAIC_ARGUMENTS,
    **{
        name: arguments
        for functions in (GEOMETRIC_FUNCTIONS, OBJECT_FUNCTIONS, _CHANGERS)
        for name, (_, arguments) in functions.items()
    },
}

# Known elsewhere, refused here: what to say instead of "unknown".
_REFUSED_FUNCTIONS = {
    "random_periodic_resizing": (
        "changing the input size during training",
        "one fixed input size, as an SSD network needs",
        "Remove it and use random_crop or random_zoom for objects of other sizes.",
    ),
    "pixels_range": (
        "setting the pixel range",
        "0 to 255, managed by the program",
        "Remove it.",
    ),
}


def _read_2025(functions: Mapping[str, Any]) -> tuple[Augmentation, list[str]]:
    steps: list[Step] = []
    mosaic: Mosaic | None = None
    findings: list[str] = []
    for name, given in functions.items():
        where = f"{SECTION}.{name}"
        if name in _REFUSED_FUNCTIONS:
            findings.append(str(UnsupportedError(where, *_REFUSED_FUNCTIONS[name])))
        elif name in ARGUMENTS_2024:
            findings.append(
                f"{where}: a key of the 2024 generation among functions of the 2025 generation. "
                "Use the keys of one generation only."
            )
        elif name not in FUNCTION_ARGUMENTS:
            hint = near_name(str(name), [*FUNCTION_ARGUMENTS, *ARGUMENTS_2024])
            findings.append(f"{where}: unknown augmentation function.{hint}")
        else:
            arguments, found = resolve_arguments(where, given, FUNCTION_ARGUMENTS[name])
            findings.extend(found)
            if name == MOSAIC and name != next(iter(functions)):
                findings.append(f"{where}: comes after other functions. Make it the first one.")
            elif name == MOSAIC and not found:
                mosaic = Mosaic(**arguments)
            elif not found:
                steps.append(_step(name, arguments))
    return Augmentation(tuple(steps), mosaic=mosaic), findings


def _step(name: str, arguments: dict[str, Any]) -> Step:
    change_rate = arguments.pop("change_rate")
    if name in GEOMETRIC_FUNCTIONS:
        return Step(name, change_rate, arguments, draw=GEOMETRIC_FUNCTIONS[name][0])
    if name in OBJECT_FUNCTIONS:
        return Step(name, change_rate, arguments, draw_around=OBJECT_FUNCTIONS[name][0])
    return Step(name, change_rate, arguments, change=_CHANGERS[name][0])


def _is_2024(functions: Mapping[str, Any]) -> bool:
    return any(name in ARGUMENTS_2024 for name in functions) and not any(
        name in FUNCTION_ARGUMENTS for name in functions
    )


def _read(functions: Mapping[str, Any] | None) -> tuple[Augmentation, list[str]]:
    functions = functions or {}
    if _is_2024(functions):
        arguments, findings = resolve_arguments(SECTION, functions, ARGUMENTS_2024)
        steps = [] if findings else steps_2024(arguments)
        return Augmentation(tuple(steps), random_order=True), findings
    return _read_2025(functions)


def validate_augmentation(functions: Mapping[str, Any] | None) -> list[str]:
    """Everything that is wrong in a ``data_augmentation`` section.

    Args:
        functions: The section as read from the file; None where there is none.

    Returns:
        One sentence per finding, each beginning with the key path; empty where all is well.

    >>> validate_augmentation({"random_contrst": {}, "random_flip": {"mode": "left"}})
    ... # doctest: +NORMALIZE_WHITESPACE
    ["data_augmentation.random_contrst: unknown augmentation function.
      Did you mean 'random_contrast'?",
     "data_augmentation.random_flip.mode: expected horizontal or vertical or
      horizontal_and_vertical; found 'left'."]
    """
    return _read(functions)[1]


def make_augmentation(functions: Mapping[str, Any] | None) -> Augmentation:
    """The augmentation that a ``data_augmentation`` section describes.

    Both generations of the section are taken: that of 2025, a mapping from function to arguments,
    applied in the order of the file; and the seven keys of 2024 (``generation_2024``).

    Args:
        functions: The section as read from the file; None or empty for no augmentation.

    Returns:
        The augmentation; without functions it only preprocesses.

    Raises:
        ConfigError: Something is wrong in it; holds all findings.
    """
    augmentation, findings = _read(functions)
    if findings:
        raise ConfigError(findings)
    return augmentation
