"""Cached images are the decoded ones, the caches keep their limits, and damage is mended."""

import os
import threading

import numpy as np
import pytest
from PIL import Image

from tinydet.data import decoded_images
from tinydet.data.decoded_images import DecodedImages, DiskCache, memory_for_images
from tinydet.data.images import read_image


@pytest.fixture
def files(tmp_path):
    """Six images of different, unequal sides."""
    rng = np.random.default_rng(4)
    paths = []
    for index in range(6):
        pixels = rng.integers(0, 256, (40 + 7 * index, 90 - 5 * index, 3)).astype(np.uint8)
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


def entries(folder):
    return sorted(folder.rglob("*.rgb"))


@pytest.mark.parametrize("largest_side", [None, 50])
def test_every_way_gives_the_same_pixels(files, tmp_path, largest_side):
    cache = DiskCache(tmp_path / "cache", 1 << 20)
    ways = [
        DecodedImages(),
        DecodedImages(1 << 20),
        DecodedImages(0, cache),
        DecodedImages(9, cache),
    ]
    for path in files:
        expected = read_image(path, largest_side)
        for way in ways:
            way.largest_side = largest_side
            for _ in range(2):
                np.testing.assert_array_equal(way.read(path), expected)
    assert len(entries(tmp_path / "cache")) == len(files)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_largest_side_keeps_the_proportions_and_the_picture(tmp_path, suffix):
    """JPEG is decoded at a part of its size: the result must show the same."""
    rows, columns = np.mgrid[:600, :1000]
    pixels = np.stack([rows / 600, columns / 1000, (rows + columns) / 1600], -1) * 255
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"a.{suffix}", quality=95)
    shrunk = read_image(tmp_path / f"a.{suffix}", 200)
    assert shrunk.shape == (120, 200, 3)
    expected = pixels.reshape(120, 5, 200, 5, 3).mean((1, 3))
    assert np.abs(shrunk - expected).max() < 4
    assert read_image(tmp_path / f"a.{suffix}", 1000).shape == (600, 1000, 3)


def test_memory_keeps_its_limit(files):
    images = [read_image(path) for path in files]
    limit = images[0].nbytes + images[1].nbytes + 10
    cached = DecodedImages(limit)
    first = [cached.read(path) for path in files]
    again = [cached.read(path) for path in files]
    kept = [a is b for a, b in zip(first, again, strict=True)]
    assert kept == [True, True, False, False, False, False]


def test_disk_keeps_its_limit_across_runs_and_says_so_once(files, tmp_path):
    told = []
    limit = 2 * (16 + read_image(files[0]).nbytes) + 100
    for _ in range(2):
        cached = DecodedImages(0, DiskCache(tmp_path / "cache", limit, told.append))
        for path in files:
            cached.read(path)
        assert sum(entry.stat().st_size for entry in entries(tmp_path / "cache")) <= limit
    assert len(told) == 2
    assert "its limit is reached" in told[0]


def test_a_full_disk_ends_the_keeping_only(files, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(decoded_images, "FREE_DISK_BYTES", 1 << 62)
    cached = DecodedImages(0, DiskCache(tmp_path / "cache", 1 << 30, told.append))
    for path in files:
        np.testing.assert_array_equal(cached.read(path), read_image(path))
    assert len(told) == 1
    assert not entries(tmp_path / "cache")


def test_a_write_that_fails_ends_the_keeping_only(files, tmp_path, monkeypatch):
    told = []
    cached = DecodedImages(0, DiskCache(tmp_path / "cache", 1 << 30, told.append))

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    for path in files:
        np.testing.assert_array_equal(cached.read(path), read_image(path))
    assert len(told) == 1
    assert "No space left" in told[0]


def test_a_changed_file_is_decoded_anew(files, tmp_path):
    cached = DecodedImages(0, DiskCache(tmp_path / "cache", 1 << 30))
    cached.read(files[0])
    Image.fromarray(np.full((8, 9, 3), 77, np.uint8)).save(files[0])
    assert cached.read(files[0]).shape == (8, 9, 3)


@pytest.mark.parametrize("damage", [b"", b"tinydet1", b"other"])
def test_a_damaged_entry_is_replaced(files, tmp_path, damage):
    cached = DecodedImages(0, DiskCache(tmp_path / "cache", 1 << 30))
    expected = cached.read(files[0]).copy()
    [entry] = entries(tmp_path / "cache")
    whole = entry.read_bytes()
    entry.write_bytes(damage + whole[len(damage) : -1])
    np.testing.assert_array_equal(cached.read(files[0]), expected)
    assert entry.read_bytes() == whole


def test_threads_share_a_cache(files, tmp_path):
    cached = DecodedImages(1 << 16, DiskCache(tmp_path / "cache", 1 << 30))
    expected = [read_image(path) for path in files]
    wrong = []

    def read_all():
        for path, image in zip(files * 5, expected * 5, strict=True):
            if not np.array_equal(cached.read(path), image):
                wrong.append(path)

    threads = [threading.Thread(target=read_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_memory_for_images_is_a_bounded_share():
    assert 0 <= memory_for_images() <= 3 << 30
