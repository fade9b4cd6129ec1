"""A small labelled image set rendered by code, to try everything without any data.

Balls, boxes, stars and bottles of any colour on varied backgrounds, in the YOLO layout of
Ultralytics.
"""

import json
import os
import secrets
import shutil
from pathlib import Path

import numpy as np

from tinydet.config.files import REMEDY
from tinydet.data.generate.objects import CLASS_NAMES, Image, Random
from tinydet.data.generate.scene import (
    MAX_OBJECTS,
    add_camera_effects,
    compose,
    make_scene,
    visible_boxes,
)
from tinydet.errors import DataError, OutputError, UnsupportedError
from tinydet.progress import track

RECIPE_FILE = "generated.json"
OWN_ENTRIES = {"data.yaml", "images", "labels", RECIPE_FILE}
MIXED_SIZES_PX = ((240, 320), (240, 320), (320, 240), (256, 256), (240, 360), (288, 352))
LEAST_SIDE_PX = 64  # below that, the smallest objects are blots
# Every n-th image is of a rarer kind, so that every generated set has some and a later stage that
# cannot take them is found out. Primes: the kinds meet in all combinations, in both splits.
EMPTY_EVERY, GRAYSCALE_EVERY, TURNED_EVERY, PNG_EVERY = 13, 19, 23, 29


def generate_dataset(
    output: Path,
    *,
    images: int = 600,
    size_px: tuple[int, int] | None = None,
    seed: int = 0,
    val_share: float = 0.2,
) -> Path:
    """Render a labelled data set into a folder that appears whole or not at all.

    The same arguments give the same files, byte for byte. Image ``i`` depends on the seed and
    ``i`` only. A set made here before is replaced.

    Args:
        output: The folder: ``data.yaml``, ``images/{train,val}``, ``labels/{train,val}``, and
            ``generated.json`` with the recipe.
        images: Number of images, >= 1.
        size_px: ``(height, width)`` of all images; None mixes several sizes near 240 x 320.
        seed: Chooses the set, >= 0.
        val_share: Share of the images in the val split, in [0, 1).

    Returns:
        Path of the ``data.yaml``.

    Raises:
        UnsupportedError: An argument out of its range.
        DataError: The folder holds something that was not made here.
        OutputError: The system refused to write.
    """
    _check_arguments(images, size_px, seed, val_share)
    output = output.resolve()  # a link stays a link, and "." has a name
    temporary = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part")
    try:
        _check_replaceable(output)
        for split in ("train", "val"):
            (temporary / "images" / split).mkdir(parents=True)
            (temporary / "labels" / split).mkdir(parents=True)
        for index in track(range(images), "Generating images"):
            is_val = int((index + 1) * val_share) > int(index * val_share)
            _write_sample(temporary, "val" if is_val else "train", index, size_px, seed)
        names = "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASS_NAMES))
        content = f"train: images/train\nval: images/val\nnames:\n{names}"
        (temporary / "data.yaml").write_text(content, encoding="utf-8")
        recipe = {"images": images, "size_px": size_px, "seed": seed, "val_share": val_share}
        (temporary / RECIPE_FILE).write_text(json.dumps(recipe) + "\n", encoding="utf-8")
        _replace_folder(temporary, output)
    except OSError as error:
        raise OutputError(
            output, f"cannot be written ({error.strerror or error})", REMEDY
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return output / "data.yaml"


def _check_arguments(
    images: int, size_px: tuple[int, int] | None, seed: int, val_share: float
) -> None:
    remedy = "Choose a value in this range."
    if images < 1:
        raise UnsupportedError("images", str(images), "1 or more", remedy)
    if size_px is not None and min(size_px) < LEAST_SIDE_PX:
        raise UnsupportedError("size_px", str(size_px), f"{LEAST_SIDE_PX} or more a side", remedy)
    if seed < 0:
        raise UnsupportedError("seed", str(seed), "0 or more", remedy)
    if not 0 <= val_share < 1:
        raise UnsupportedError("val_share", str(val_share), "0 to 1, excluding 1", remedy)


def _check_replaceable(output: Path) -> None:
    if not output.exists() and not output.is_symlink():
        return
    found = {entry.name for entry in output.iterdir()} if output.is_dir() else {output.name}
    if found and not (RECIPE_FILE in found and found <= OWN_ENTRIES):
        raise DataError(
            output,
            "exists and contains files that tinydet did not generate",
            "Choose another folder or empty this one.",
        )


def _replace_folder(new: Path, output: Path) -> None:
    """Put a finished folder in place of an older one; at no time is there a mixture of both."""
    old = new.with_suffix(".old")
    if output.exists():
        os.replace(output, old)
    os.replace(new, output)
    shutil.rmtree(old, ignore_errors=True)


def _write_sample(
    folder: Path, split: str, index: int, size_px: tuple[int, int] | None, seed: int
) -> None:
    rng = np.random.default_rng([seed, index])
    mixed = MIXED_SIZES_PX[rng.integers(len(MIXED_SIZES_PX))]
    height, width = size_px or mixed
    is_empty = index % EMPTY_EVERY == EMPTY_EVERY // 2
    num_objects = 0 if is_empty else int(rng.integers(1, MAX_OBJECTS + 1))
    scene = make_scene(height, width, num_objects, rng)
    image, owner = compose(scene)
    boxes = visible_boxes(owner, len(scene.objects)).astype(np.float64)
    lines = []
    for thing, (x_min, y_min, x_max, y_max) in zip(scene.objects, boxes, strict=True):
        centre_x, centre_y = (x_min + x_max) / 2, (y_min + y_max) / 2
        numbers = (centre_x, centre_y, x_max - x_min, y_max - y_min)
        lines.append(f"{thing.class_id} " + " ".join(f"{v:.6f}" for v in numbers) + "\n")
    name = f"scene_{index:05d}"
    (folder / "labels" / split / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
    _write_image(folder / "images" / split, name, index, add_camera_effects(image, rng), rng)


def _write_image(folder: Path, name: str, index: int, image: Image, rng: Random) -> None:
    """Write as JPEG; some as PNG, some in grayscale, some turned with the EXIF tag that says so."""
    from PIL import Image as PillowImage

    orientation_tag = 0x0112
    is_png = index % PNG_EVERY == PNG_EVERY // 2
    exif = PillowImage.Exif()
    if index % TURNED_EVERY == TURNED_EVERY // 2 and not is_png:
        # The value says how a viewer turns the stored picture: 3 by half, 6 clockwise, 8 back.
        value, quarter_turns = ((3, 2), (6, 1), (8, 3))[rng.integers(3)]
        exif[orientation_tag] = value
        image = np.rot90(image, quarter_turns)
    picture = PillowImage.fromarray(np.ascontiguousarray(image))
    if index % GRAYSCALE_EVERY == GRAYSCALE_EVERY // 2:
        picture = picture.convert("L")
    if is_png:
        picture.save(folder / f"{name}.png")
    else:
        picture.save(folder / f"{name}.jpg", quality=int(rng.integers(80, 96)), exif=exif)
