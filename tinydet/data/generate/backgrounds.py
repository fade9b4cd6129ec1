"""What is behind the rendered objects: gradients, clouds, stripes, tiles and clutter."""

from collections.abc import Callable

import cv2
import numpy as np

from tinydet.data.generate.objects import Field, Image, Points, Random, random_colour

CLUTTER_SHARE = 0.5  # of the images have lines and small patches that are no object


def paint_background(height: int, width: int, rng: Random) -> Image:
    """A random background ``[height, width, 3]`` uint8 RGB."""
    low, high = _muted(random_colour(rng, 10), rng), _muted(random_colour(rng, 10), rng)
    blend = _FIELDS[rng.integers(len(_FIELDS))](height, width, rng)[..., None]
    contrast = rng.uniform(0.3, 1)
    image = (low + (high - low) * contrast * blend).astype(np.uint8)
    if rng.random() < CLUTTER_SHARE:
        _scatter_clutter(image, rng)
    return image


def _muted(colour: Points, rng: Random) -> Points:
    """Nearer to gray, as most of what surrounds real objects is."""
    muted: Points = colour.mean() + (colour - colour.mean()) * rng.uniform(0.1, 0.8)
    return muted


def _slope(height: int, width: int, rng: Random) -> Field:
    """Distance along a random direction, 0 at one end of the image and 1 at the other."""
    turn = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.float32(np.cos(turn))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(turn))
    along = x + y
    field: Field = (along - along.min()) / (along.max() - along.min())
    return field


def _clouds(height: int, width: int, rng: Random) -> Field:
    """Noise at several scales."""
    total = np.zeros((height, width), np.float32)
    for cells, weight in ((4, 0.5), (9, 0.3), (28, 0.2)):
        coarse = rng.random((cells, cells), np.float32)
        total += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return total


def _stripes(height: int, width: int, rng: Random) -> Field:
    """Soft or hard stripes."""
    wave = np.sin(_slope(height, width, rng) * rng.uniform(20, 90))
    sharpness = rng.uniform(0.6, 4)
    field: Field = np.clip(0.5 + sharpness * wave, 0, 1).astype(np.float32)
    return field


def _tiles(height: int, width: int, rng: Random) -> Field:
    """Rectangles of random brightness, like tiles or a shelf."""
    rows, columns = rng.integers(2, 9, 2)
    coarse = rng.random((rows, columns), np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    return field.astype(np.float32, copy=False)


_FIELDS: tuple[Callable[[int, int, Random], Field], ...] = (_slope, _clouds, _stripes, _tiles)


def _scatter_clutter(image: Image, rng: Random) -> None:
    """Lines and triangles, to be told from the objects."""
    size = np.array([image.shape[1], image.shape[0]])
    for _ in range(rng.integers(1, 6)):
        points = np.rint(rng.uniform(-0.1, 1.1, (3, 2)) * size).astype(np.int32)
        colour = random_colour(rng, 10).tolist()
        if rng.random() < 0.8:
            cv2.polylines(image, [points], False, colour, int(rng.integers(1, 5)), cv2.LINE_AA)
        else:
            small = (points[:1] + (points - points[:1]) * 0.15).astype(np.int32)
            cv2.fillPoly(image, [small], colour, cv2.LINE_AA)
