"""Image files of every kind that boards decode."""

import numpy as np
from PIL import Image


def picture(seed, height=70, width=110):
    """``[height, width, 3]`` uint8: soft blobs with some noise, as photographs have them."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8))
    soft = np.asarray(coarse.resize((width, height))).astype(np.int16)
    return np.clip(soft + rng.integers(-20, 20, soft.shape), 0, 255).astype(np.uint8)


def write_pictures(folder, count, suffixes=(".png", ".bmp"), seed=0):
    """Files of different sizes and kinds; returns their paths, sorted."""
    paths = []
    for index in range(count):
        path = folder / f"picture {index:02}{suffixes[index % len(suffixes)]}"
        Image.fromarray(picture(seed + index, 40 + 7 * index, 130 - 3 * index)).save(path)
        paths.append(path)
    return paths
