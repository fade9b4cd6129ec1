"""``data_augmentation``: names of both generations; arguments are checked where they are used."""

from typing import Any

from tinydet.config.schema.values import MAX_NAMES, Finding, RejectedError, reject, show, to_loose
from tinydet.errors import near_name

KEYS_2024 = (
    "horizontal_flip",
    "vertical_flip",
    "translation",
    "rotation",
    "shearing",
    "gaussian_blur",
    "linear_contrast",
)
FUNCTIONS_2025 = (
    "random_mosaic",
    "random_contrast",
    "random_brightness",
    "random_gamma",
    "random_hue",
    "random_saturation",
    "random_value",
    "random_hsv",
    "random_rgb_to_hsv",
    "random_rgb_to_grayscale",
    "random_sharpness",
    "random_posterize",
    "random_invert",
    "random_solarize",
    "random_autocontrast",
    "random_blur",
    "random_gaussian_noise",
    "random_crop",
    "random_object_crop",
    "random_flip",
    "random_translation",
    "random_rotation",
    "random_shear",
    "random_shear_x",
    "random_shear_y",
    "random_zoom",
    "random_rectangle_erasing",
)
RESIZING = "random_periodic_resizing"


def check_augmentation(value: Any) -> dict[str, Any]:
    """Names with their arguments, in file order, of one generation.

    Raises:
        RejectedError: Names of neither generation, or of both.
    """
    loose = to_loose(value)
    if not isinstance(loose, dict) or len(loose) > MAX_NAMES:
        remedy = "Write 'random_flip: {mode: horizontal}'."
        raise reject(show(value), "function names, each with its arguments", remedy)
    findings: list[Finding] = []
    old = [name for name in loose if name in KEYS_2024]
    known = KEYS_2024 if old else FUNCTIONS_2025
    for name in loose:
        if name == RESIZING:
            remedy = "Remove it: this network has one input size."
            findings.append(((name,), "changing the input size", "one input size", remedy))
        elif name not in (*KEYS_2024, *FUNCTIONS_2025):
            hint = near_name(name, (*KEYS_2024, *FUNCTIONS_2025)).strip() or "Remove it."
            findings.append(((name,), f"unknown augmentation '{name}'", ", ".join(known), hint))
        elif old and name not in KEYS_2024:
            remedy = f"Remove it, or write {', '.join(old)} as random_... functions."
            found = f"a function together with the key {old[0]}"
            findings.append(((name,), found, "one generation of keys", remedy))
    if findings:
        raise RejectedError(findings)
    return loose
