"""The rendered objects: shaded, patterned, of any colour, so that only the form tells the class.

Every object is painted in its own frame, ``(x, y)`` with y downwards, where its longest half is
about 1, then turned, scaled and placed in a square patch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
Random = np.random.Generator

SUBPIXEL_BITS = 4  # cv2 takes coordinates in 1/16 pixel
LIGHT = (-0.45, -0.6, 0.66)  # direction to the light: from the upper left, towards the viewer


@dataclass(frozen=True)
class RenderedObject:
    """What to paint, and where.

    Attributes:
        class_id: Index into ``CLASS_NAMES``.
        centre_px: ``(x, y)`` of its middle in the image, pixels.
        radius_px: Half of its longest extent, pixels.
        angle: Rotation in the image plane, radians, clockwise.
        seed: Chooses colours, pattern and proportions.
    """

    class_id: int
    centre_px: tuple[float, float]
    radius_px: float
    angle: float
    seed: int


class Patch:
    """A square cut-out in which one object is painted.

    Attributes:
        colour: ``[P, P, 3]`` uint8 RGB; filled beyond the outline, so that the soft edge of the
            mask blends the object's own colour.
        mask: ``[P, P]`` uint8, 255 where the object covers the pixel wholly.
        corner_px: ``(x, y)`` of the upper left patch pixel in the image.
    """

    def __init__(self, thing: RenderedObject) -> None:
        half = int(np.ceil(thing.radius_px * 1.08)) + 2
        x, y = thing.centre_px
        self.corner_px = (int(np.floor(x)) - half, int(np.floor(y)) - half)
        side = 2 * half + 1
        self.colour: Image = np.zeros((side, side, 3), np.uint8)
        self.mask: Image = np.zeros((side, side), np.uint8)
        self._radius_px = thing.radius_px
        self._middle = np.array([x - self.corner_px[0], y - self.corner_px[1]])
        cosine, sine = np.cos(thing.angle), np.sin(thing.angle)
        self._turn = np.array([[cosine, sine], [-sine, cosine]])

    def outline(self, points: Points | Sequence[tuple[float, float]], colour: Points) -> None:
        """Set the silhouette (added to what is there) and the colour under it."""
        if not self.mask.any():
            self.colour[:] = colour
        cv2.fillPoly(self.mask, [self._to_patch(points)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        self.fill(points, colour)

    def fill(self, points: Points | Sequence[tuple[float, float]], colour: Points) -> None:
        """Paint a polygon of the object's surface."""
        corners = self._to_patch(points)
        cv2.fillPoly(self.colour, [corners], colour.tolist(), cv2.LINE_AA, SUBPIXEL_BITS)

    def line(self, points: Points | Sequence[tuple[float, float]], colour: Points) -> None:
        """Draw a closed line, as wide as suits the object's size."""
        width_px = max(1, round(self._radius_px / 22))
        corners = self._to_patch(points)
        cv2.polylines(
            self.colour, [corners], True, colour.tolist(), width_px, cv2.LINE_AA, SUBPIXEL_BITS
        )

    def frame(self) -> tuple[Field, Field]:
        """``(x, y)`` of every patch pixel in the object's own frame."""
        steps = np.arange(len(self.mask), dtype=np.float32)
        dx = (steps - np.float32(self._middle[0]))[None, :] / np.float32(self._radius_px)
        dy = (steps - np.float32(self._middle[1]))[:, None] / np.float32(self._radius_px)
        (cosine, sine), _ = self._turn.astype(np.float32)
        return dx * cosine + dy * sine, dy * cosine - dx * sine

    def light(self) -> tuple[float, float]:
        """``(x, y)`` of the light in the object's own frame: it stays put when the object turns."""
        (cosine, sine), _ = self._turn
        return LIGHT[0] * cosine + LIGHT[1] * sine, LIGHT[1] * cosine - LIGHT[0] * sine

    def shade(self, factor: Field, gloss: Field | None = None) -> None:
        """Multiply the colour by a brightness and add a white gloss (0..1), per pixel."""
        lit = self.colour * factor[..., None]
        if gloss is not None:
            lit += 255 * gloss[..., None]
        self.colour = np.clip(lit, 0, 255).astype(np.uint8)

    def _to_patch(self, points: Points | Sequence[tuple[float, float]]) -> npt.NDArray[np.int32]:
        placed = np.asarray(points, np.float64) @ self._turn * self._radius_px + self._middle
        fixed: npt.NDArray[np.int32] = np.rint(placed * 2**SUBPIXEL_BITS).astype(np.int32)
        return fixed


def paint(thing: RenderedObject) -> Patch:
    """Render one object into a patch of its own."""
    patch = Patch(thing)
    _PAINTERS[CLASS_NAMES[thing.class_id]](patch, np.random.default_rng(thing.seed))
    return patch


def random_colour(rng: Random, darkest: int = 40) -> Points:
    """Any colour ``[3]`` RGB, each channel in ``darkest`` .. 255."""
    colour: Points = rng.uniform(darkest, 255, 3)
    return colour


def _ellipse(
    centre: tuple[float, float], radii: tuple[float, float], start: float = 0, stop: float = 360
) -> Points:
    turns = np.deg2rad(np.linspace(start, stop, 72))
    return np.stack(
        [centre[0] + radii[0] * np.cos(turns), centre[1] + radii[1] * np.sin(turns)], axis=1
    )


def _rectangle(x_min: float, y_min: float, x_max: float, y_max: float) -> Points:
    return np.array([(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max)])


def _paint_ball(patch: Patch, rng: Random) -> None:
    """A sphere with wedges like a beach ball, a broad band, dots, or in one colour."""
    first, second = random_colour(rng), random_colour(rng)
    patch.outline(_ellipse((0, 0), (1, 1)), first)
    pattern = rng.integers(4)
    if pattern == 0:
        meridians = np.sort(rng.uniform(-0.15, 0.15) + np.array([-0.85, -0.3, 0.3, 0.85]))
        for left, right in (meridians[:2], meridians[2:]):
            turns = np.linspace(-np.pi / 2, np.pi / 2, 36)
            edge = np.stack([np.cos(turns), np.sin(turns)], axis=1)
            patch.fill(np.concatenate([edge * [left, 1], edge[::-1] * [right, 1]]), second)
    elif pattern == 1:
        low, high = rng.uniform(10, 35), rng.uniform(145, 170)
        band = np.concatenate(
            [_ellipse((0, 0), (1, 1), low, high), _ellipse((0, 0), (1, 0.12), high, low)]
        )
        patch.fill(band, second)
    elif pattern == 2:
        for centre in ((-0.5, -0.35), (0.45, -0.5), (0.0, 0.1), (-0.45, 0.6), (0.55, 0.45)):
            facing_viewer = np.sqrt(1 - centre[0] ** 2 - centre[1] ** 2)
            patch.fill(_ellipse(centre, (0.2, 0.2 * (0.4 + 0.6 * facing_viewer))), second)
    x, y = patch.frame()
    light_x, light_y = patch.light()
    height = np.sqrt(np.maximum(1 - x * x - y * y, 0))
    facing = x * light_x + y * light_y + height * LIGHT[2]
    patch.shade(
        (0.45 + 0.65 * np.maximum(facing, 0)).astype(np.float32),
        (rng.uniform(0.1, 0.7) * np.maximum(facing, 0) ** 24).astype(np.float32),
    )


def _paint_box(patch: Patch, rng: Random) -> None:
    """A parcel seen from above: three faces of a turned cuboid, tape, sometimes a label."""
    yaw, pitch = rng.uniform(0.25, 1.3), rng.uniform(0.35, 0.75)
    sides = np.array([1.0, rng.uniform(0.6, 1.1), rng.uniform(0.65, 1.0)])
    corners: Points = (
        np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]) * sides
    )
    to_screen = np.array(
        [
            [np.cos(yaw), np.sin(yaw) * np.sin(pitch)],
            [0, -np.cos(pitch)],
            [-np.sin(yaw), np.cos(yaw) * np.sin(pitch)],
        ]
    )
    scale = 1 / np.abs(corners @ to_screen).max()

    def on_face(u: int, v: int, corner: Sequence[float], points: Points) -> Points:
        """Screen places of face coordinates in [0, 1] along the axes u and v from a corner."""
        solid = np.tile(np.array(corner, np.float64), (len(points), 1))
        solid[:, u] += 2 * points[:, 0]
        solid[:, v] += 2 * points[:, 1]
        screen: Points = solid * sides @ to_screen * scale
        return screen

    colour, tape = random_colour(rng, 70), random_colour(rng)
    middle, half = rng.uniform(0.4, 0.6), rng.uniform(0.05, 0.1)
    has_tape, has_label = rng.random(2) < (0.75, 0.5)
    faces = (  # axes u and v, corner at (0, 0), brightness, where the tape begins
        (0, 2, (-1, 1, -1), 1.0, 0.0 if has_tape else None),
        (0, 1, (-1, -1, 1), 0.78, rng.uniform(0.4, 0.8) if has_tape else None),
        (2, 1, (1, -1, -1), rng.uniform(0.45, 0.6), None),
    )
    for u, v, corner, brightness, _ in faces:
        patch.outline(on_face(u, v, corner, _rectangle(0, 0, 1, 1)), colour * brightness)
    for u, v, corner, brightness, start in faces:
        if start is not None:
            band = _rectangle(middle - half, start, middle + half, 1)
            patch.fill(on_face(u, v, corner, band), tape * brightness)
    if has_label:
        u, v, corner, brightness, _ = faces[-1]
        paper = _rectangle(0.2, 0.25, 0.75, 0.6)
        patch.fill(on_face(u, v, corner, paper), np.array([235.0, 230, 220]) * 0.8)
    for u, v, corner, _, _ in faces:
        patch.line(on_face(u, v, corner, _rectangle(0, 0, 1, 1)), colour * 0.4)


def _paint_star(patch: Patch, rng: Random) -> None:
    """A five-pointed star with folded facets, flat with a rim, or with a second star inside."""
    colour, inner = random_colour(rng), rng.uniform(0.4, 0.52)
    turns = np.arange(10) * np.pi / 5 - np.pi / 2
    tips = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    tips *= np.where(np.arange(10) % 2, inner, 1)[:, None]
    patch.outline(tips, colour)
    style = rng.integers(3)
    if style == 0:
        light = np.array(patch.light())
        for i in range(10):
            a, b = tips[i], tips[(i + 1) % 10]
            normal = np.array([b[1] - a[1], a[0] - b[0]])
            facing = float(normal @ light) / float(np.linalg.norm(normal))
            patch.fill(np.array([a, b, [0, 0]]), np.clip(colour * (0.8 + 0.5 * facing), 0, 255))
    elif style == 1:
        patch.fill(tips * 0.55, random_colour(rng))
    patch.line(tips * 0.97, colour * rng.uniform(0.35, 0.8))
    x, y = patch.frame()
    light_x, light_y = patch.light()
    patch.shade((1 + 0.25 * (x * light_x + y * light_y)).astype(np.float32))


def _paint_bottle(patch: Patch, rng: Random) -> None:
    """A bottle with shoulders, neck and cap, a paper label, sometimes half full."""
    body, neck = rng.uniform(0.28, 0.4), rng.uniform(0.1, 0.15)
    shoulder, throat = rng.uniform(-0.35, -0.15), rng.uniform(-0.65, -0.55)
    glass, cap = random_colour(rng), random_colour(rng)
    drop = np.linspace(0, 1, 10)
    slope_x = neck + (body - neck) * (1 - np.cos(drop * np.pi)) / 2
    slope_y = throat + (shoulder - throat) * drop
    right = np.concatenate(
        [
            [[neck, -0.98]],
            np.stack([slope_x, slope_y], axis=1),
            [[body, 0.9], [body * 0.94, 0.97], [body * 0.8, 1.0]],
        ]
    )
    patch.outline(np.concatenate([right, right[::-1] * [-1, 1]]), glass)
    if rng.random() < 0.5:
        level = rng.uniform(-0.1, 0.3)
        liquid = [(-body, level), (body, level), (body, 0.9), (body * 0.8, 1), (-body * 0.8, 1)]
        patch.fill([*liquid, (-body, 0.9)], glass * rng.uniform(0.45, 0.75))
    if rng.random() < 0.75:
        low, high = rng.uniform(0.0, 0.15), rng.uniform(0.5, 0.75)
        patch.fill(_rectangle(-body, low, body, high), random_colour(rng))
        stripe = (low + high) / 2
        patch.fill(_rectangle(-body, stripe - 0.05, body, stripe + 0.05), random_colour(rng))
    lip = neck * 1.2
    patch.outline(_rectangle(-lip, -1, lip, -0.82), cap)
    x, y = patch.frame()
    half_width = np.clip((y - throat) / (shoulder - throat), 0, 1) * (body - neck) + neck
    across = np.clip(x / half_width, -1, 1)
    towards = -0.45 if patch.light()[0] < 0 else 0.45
    patch.shade(
        (0.5 + 0.6 * np.sqrt(np.maximum(1 - (across - towards * 0.6) ** 2 * 0.8, 0))).astype(
            np.float32
        ),
        (rng.uniform(0.1, 0.5) * np.exp(-(((across - towards) / 0.14) ** 2))).astype(np.float32),
    )


_PAINTERS: dict[str, Callable[[Patch, Random], None]] = {
    "ball": _paint_ball,
    "box": _paint_box,
    "star": _paint_star,
    "bottle": _paint_bottle,
}
CLASS_NAMES = tuple(_PAINTERS)
