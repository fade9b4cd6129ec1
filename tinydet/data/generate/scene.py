"""One image of the generated set: which objects stand where, and how the camera saw them."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray
from tinydet.data.generate.backgrounds import paint_background
from tinydet.data.generate.objects import CLASS_NAMES, Image, Patch, Random, RenderedObject, paint

OwnerMap = npt.NDArray[np.int16]

MAX_OBJECTS = 4
LEAST_VISIBLE = 0.35  # an object hidden more than that would be a guess even for a person
PLACING_TRIES = 12
# Longest side of an object, as a share of the shorter image side. Drawn evenly on a logarithmic
# scale: as many small ones as large ones.
SMALLEST_SIDE, LARGEST_SIDE = 0.22, 0.7
# Largest rotation, radians; the ball turns freely. What stands in the world stands in the picture.
UPRIGHT = {"box": 0.2, "star": 0.5, "bottle": 0.25}


@dataclass(frozen=True)
class Scene:
    """All that fixes the picture before camera effects.

    Attributes:
        height: Image height, pixels.
        width: Image width, pixels.
        background_seed: Chooses the background.
        objects: From the back to the front.
    """

    height: int
    width: int
    background_seed: int
    objects: tuple[RenderedObject, ...]


def make_scene(height: int, width: int, num_objects: int, rng: Random) -> Scene:
    """Place objects at random such that each stays visible enough to be labelled.

    Args:
        height: Image height, pixels.
        width: Image width, pixels.
        num_objects: Most objects placed; fewer where no free place is found.
        rng: Source of chance.

    Returns:
        The scene.
    """
    scene = Scene(height, width, int(rng.integers(2**31)), ())
    for _ in range(num_objects):
        side = SMALLEST_SIDE * (LARGEST_SIDE / SMALLEST_SIDE) ** rng.random()
        thing = RenderedObject(
            class_id=int(rng.integers(len(CLASS_NAMES))),
            centre_px=(0.0, 0.0),
            radius_px=side * min(height, width) / 2,
            angle=0.0,
            seed=int(rng.integers(2**31)),
        )
        largest_turn = UPRIGHT.get(CLASS_NAMES[thing.class_id], np.pi)
        thing = replace(thing, angle=float(rng.uniform(-largest_turn, largest_turn)))
        scene = _add_where_visible(scene, thing, rng)
    return scene


def compose(scene: Scene) -> tuple[Image, OwnerMap]:
    """Paint a scene.

    Returns:
        The image ``[H, W, 3]`` uint8 RGB, and for each pixel the index of the object seen there,
        -1 for the background, ``[H, W]``.
    """
    rng = np.random.default_rng(scene.background_seed)
    image = paint_background(scene.height, scene.width, rng)
    owner = np.full((scene.height, scene.width), -1, np.int16)
    for i, thing in enumerate(scene.objects):
        patch = paint(thing)
        _stamp(owner, patch, i)
        in_image, in_patch = _overlap(owner.shape[0], owner.shape[1], patch)
        alpha = patch.mask[in_patch][..., None].astype(np.uint16)
        under = image[in_image]
        mixed = (patch.colour[in_patch] * alpha + under * (255 - alpha) + 127) // 255
        image[in_image] = mixed.astype(np.uint8)
    return image, owner


def visible_boxes(owner: OwnerMap, num_objects: int) -> FloatArray:
    """Extent of the visible pixels of each object.

    Args:
        owner: See ``compose``.
        num_objects: Number of objects; each has at least one visible pixel.

    Returns:
        ``[N, 4]`` float32 ``(x_min, y_min, x_max, y_max)``, fractions of the image.
    """
    height, width = owner.shape
    boxes = np.zeros((num_objects, 4), np.float32)
    for i in range(num_objects):
        columns = np.flatnonzero((owner == i).any(axis=0))
        rows = np.flatnonzero((owner == i).any(axis=1))
        boxes[i] = (
            columns[0] / width,
            rows[0] / height,
            (columns[-1] + 1) / width,
            (rows[-1] + 1) / height,
        )
    return boxes


def add_camera_effects(image: Image, rng: Random) -> Image:
    """Blur, exposure, contrast and sensor noise, each on some of the images."""
    if rng.random() < 0.35:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 1.3))).astype(np.uint8)
    if rng.random() < 0.6:
        levels = np.linspace(0, 1, 256) ** rng.uniform(0.7, 1.4)
        levels = 128 + (levels * 255 - 128) * rng.uniform(0.6, 1.1) + rng.uniform(-25, 25)
        image = np.clip(levels, 0, 255).astype(np.uint8)[image]
    if rng.random() < 0.5:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 12))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image


def _add_where_visible(scene: Scene, thing: RenderedObject, rng: Random) -> Scene:
    """The scene with one more object in front, or as it was where every place tried hides one."""
    owner = np.full((scene.height, scene.width), -1, np.int16)
    areas = []
    for i, other in enumerate(scene.objects):
        areas.append(_stamp(owner, paint(other), i))
    # Up to a tenth of the object may reach over the edge of the image.
    margin = 0.8 * thing.radius_px
    for _ in range(PLACING_TRIES):
        centre = (
            float(rng.uniform(margin, scene.width - margin)),
            float(rng.uniform(margin, scene.height - margin)),
        )
        placed = replace(thing, centre_px=centre)
        trial = owner.copy()
        area = _stamp(trial, paint(placed), len(areas))
        counts = np.bincount(trial.ravel() + 1, minlength=len(areas) + 2)[1:]
        if all(counts >= LEAST_VISIBLE * np.array([*areas, area])):
            return replace(scene, objects=(*scene.objects, placed))
    return scene


def _stamp(owner: OwnerMap, patch: Patch, index: int) -> int:
    """Mark the pixels that an object covers; returns its whole area, also outside the image."""
    in_image, in_patch = _overlap(owner.shape[0], owner.shape[1], patch)
    covered = patch.mask > 127
    owner[in_image][covered[in_patch]] = index
    return int(covered.sum())


def _overlap(
    height: int, width: int, patch: Patch
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The common part of an image and a patch, as slices of each."""
    left, top = patch.corner_px
    side = len(patch.mask)
    x_low, x_high = max(left, 0), min(left + side, width)
    y_low, y_high = max(top, 0), min(top + side, height)
    return (
        (slice(y_low, y_high), slice(x_low, x_high)),
        (slice(y_low - top, y_high - top), slice(x_low - left, x_high - left)),
    )
