"""The chain of augmentation functions as one object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray, IntArray
from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.augment.canvas import Canvas, Floats
from tinydet.data.augment.geometry import FrameSize, Warp, WarpDrawer
from tinydet.data.augment.mosaic import Mosaic
from tinydet.data.augment.object_crop import ObjectWarpDrawer
from tinydet.data.augment.photometric import PixelChanger
from tinydet.data.preprocess import ImageArray, to_color_mode


@dataclass(frozen=True)
class Step:
    """One function with its arguments.

    Attributes:
        name: As in the configuration.
        change_rate: Probability, per image, that it is applied.
        arguments: Checked arguments by name.
        draw: Draws the movement of a geometric function.
        change: Changes the pixels.
        draw_around: Draws the movement of a geometric function that looks at the objects. Exactly
            one of the three is there.
    """

    name: str
    change_rate: float
    arguments: Mapping[str, Any] = field(default_factory=dict)
    draw: WarpDrawer | None = None
    change: PixelChanger | None = None
    draw_around: ObjectWarpDrawer | None = None


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training images, boxes included.

    Geometric functions that follow each other cost one interpolation together; a pixel function
    between them fixes the picture at network size. So geometry first is faster and sharper.

    Attributes:
        steps: The functions, in order.
        random_order: Shuffle them anew for every image.
        mosaic: What happens before them, where training offers other images; None for nothing.
    """

    steps: Sequence[Step]
    random_order: bool = False
    mosaic: Mosaic | None = None

    def augment(
        self,
        image: ImageArray,
        boxes: FloatArray,
        rng: np.random.Generator,
        spec: PreprocessSpec,
        visible: Floats | None = None,
    ) -> tuple[ImageArray, FloatArray, IntArray, npt.NDArray[np.bool_]]:
        """One training sample from an image.

        Args:
            image: ``[h, w, 3]`` uint8 RGB, any size; not changed.
            boxes: ``[N, 4]``, fractions of the image.
            rng: Everything random comes from it: the same state gives the same result.
            spec: The detector's preprocessing; without any movement the picture is exactly what
                ``preprocess`` gives.
            visible: ``[N]`` share of each object that its box still is; None where all of it is.

        Returns:
            The network input ``[H, W, 3]`` uint8; ``[K, 4]`` the boxes still to be seen, fractions
            of the network input, clipped; ``[K]`` which of the given boxes they are, ascending;
            ``[K]`` whether a box is truncated: between 10 and 25 % of it show, too little to learn
            from and too much for background, so the caller ignores it. Boxes of which less shows,
            or under one pixel wide or high, are dropped.
        """
        canvas = Canvas(image, boxes, spec, visible)
        order = rng.permutation(len(self.steps)) if self.random_order else range(len(self.steps))
        for index in order:
            step = self.steps[index]
            if rng.random() >= step.change_rate:
                continue
            if step.draw is not None:
                canvas.move(partial(step.draw, rng, step.arguments))
            elif step.draw_around is not None:
                canvas.move(partial(_draw_around, canvas, step, rng))
            elif step.change is not None:
                canvas.replace_pixels(step.change(canvas.pixels(), rng, step.arguments))
        moved_boxes, kept, truncated = canvas.boxes()
        return to_color_mode(canvas.pixels(), spec.color_mode), moved_boxes, kept, truncated


def _draw_around(canvas: Canvas, step: Step, rng: np.random.Generator, frame: FrameSize) -> Warp:
    if step.draw_around is None:
        raise ValueError(f"{step.name} does not look at the objects")
    return step.draw_around(rng, step.arguments, frame, canvas.shown_boxes_xyxy_px())
