"""A crop that shows at least one object: it is placed around one, not anywhere."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.data.augment.arguments import Argument, change_rate, choice, number_range
from tinydet.data.augment.geometry import INTERPOLATIONS, FrameSize, Sampling, Warp, crop_to

Arguments = Mapping[str, Any]
Floats = npt.NDArray[np.float64]
ObjectWarpDrawer = Callable[[np.random.Generator, Arguments, FrameSize, Floats], Warp]


def random_object_crop(
    rng: np.random.Generator, arguments: Arguments, frame: FrameSize, boxes_xyxy_px: Floats
) -> Warp:
    """Crops a part of the picture that completely shows one object, or any part if there is none.

    The object is drawn evenly, then the size of the part, which is enlarged where the object is
    larger, then its place: evenly among those that hold the object.

    Args:
        rng: Everything drawn comes from it.
        arguments: ``crop_width`` and ``crop_height``, ranges of fractions; ``interpolation``.
        frame: ``(height, width)``, pixels.
        boxes_xyxy_px: What shows of each object in the frame, ``[N, 4]``.
    """
    height, width = frame
    # Without an object a point takes its place, anywhere in the picture.
    point = rng.uniform(0, 1, 2)
    wanted = np.concatenate([point, point])
    if len(boxes_xyxy_px):
        wanted = boxes_xyxy_px[rng.integers(len(boxes_xyxy_px))] / [width, height, width, height]
        wanted = np.clip(wanted, 0, 1)
    ends = []
    for axis, name in enumerate(("crop_width", "crop_height")):
        first, last = wanted[axis], wanted[axis + 2]
        side = max(rng.uniform(*arguments[name]), last - first)
        lowest = max(last - side, 0.0)
        low = rng.uniform(lowest, max(min(first, 1 - side), lowest))
        ends.append((low, min(low + side, 1.0)))
    (x_min, x_max), (y_min, y_max) = ends
    warp = crop_to(x_min, y_min, x_max, y_max, frame)
    return Warp(warp.matrix, warp.frame, Sampling(arguments["interpolation"]))


_FRACTION = number_range(0.01, 1, "fixed")
OBJECT_FUNCTIONS: dict[str, tuple[ObjectWarpDrawer, dict[str, Argument]]] = {
    "random_object_crop": (
        random_object_crop,
        {
            "crop_width": Argument(_FRACTION, (0.4, 1.0)),
            "crop_height": Argument(_FRACTION, (0.4, 1.0)),
            "interpolation": Argument(choice(*INTERPOLATIONS), "bilinear"),
            "change_rate": change_rate(0.9),
        },
    )
}
