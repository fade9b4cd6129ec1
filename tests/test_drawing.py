"""Boxes, labels and sheets: what is drawn, where, and that it can be told apart."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tinydet.boxes import Detections
from tinydet.drawing import class_colour, contact_sheet, draw_boxes, save_image
from tinydet.errors import OutputError, UnsupportedError

GRAY = 90


def gray_image(height, width):
    return np.full((height, width, 3), GRAY, np.uint8)


def changed_extent(image):
    """(x_min, y_min, x_max, y_max) of the pixels that are not background, in pixels."""
    rows, columns = np.nonzero((image != GRAY).any(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@given(
    st.integers(40, 300),
    st.integers(40, 300),
    st.tuples(*[st.floats(0, 1)] * 4),
    st.sampled_from([1, 2, 5]),
)
def test_without_label_only_the_frame_line_changes(height, width, values, thickness_px):
    """Changed pixels fill the box's pixel extent and lie within the line's width of its edge."""
    x_min, x_max = sorted(values[:2])
    y_min, y_max = sorted(values[2:])
    image = gray_image(height, width)
    box = np.array([[x_min, y_min, x_max, y_max]], np.float32)
    drawn = draw_boxes(image, box, [""], thickness_px=thickness_px)
    edges = np.array([x_min * width, y_min * height, x_max * width, y_max * height])
    assert np.abs(np.array(changed_extent(drawn)) - edges).max() <= 1.5
    inner = drawn[
        int(edges[1]) + thickness_px + 2 : max(0, int(edges[3]) - thickness_px - 2),
        int(edges[0]) + thickness_px + 2 : max(0, int(edges[2]) - thickness_px - 2),
    ]
    assert (inner == GRAY).all()
    assert (image == GRAY).all(), "the image given is not drawn into"


@pytest.mark.parametrize(
    ("side", "x", "y"),
    [
        *[(side, x, y) for side in (100, 640) for x in (0.0, 0.45, 0.95) for y in (0, 0.45, 0.95)],
        (4000, 0.95, 0.95),
    ],
)
def test_label_is_wholly_inside_at_every_edge(side, x, y):
    """The label's area is as large at an edge of the image as in its middle: nothing is cut."""
    colour = (200, 40, 10)

    def label_area(left, top):
        boxes = np.array([[left, top, left + 0.05, top + 0.05]])
        image = gray_image(side * 3 // 4, side)
        with_label = draw_boxes(image, boxes, ["person 0.87"], [colour])
        frame = draw_boxes(image, boxes, [""], [colour])
        return np.count_nonzero((with_label != frame).any(axis=2))

    assert label_area(x, y) == pytest.approx(label_area(0.3, 0.5), rel=0.12)


@pytest.mark.parametrize("side", [100, 320, 4000])
def test_label_is_readable_at_any_image_size(side):
    """Letters are at least 8 px high, and 1.5 to 10 % of the image."""
    boxes = np.array([[0.2, 0.5, 0.6, 0.9]])
    image = gray_image(side, side)
    plain = draw_boxes(image, boxes, [""])
    drawn = draw_boxes(image, boxes, ["Hg"])
    rows = np.flatnonzero((drawn != plain).any(axis=(1, 2)))
    height = rows[-1] + 1 - rows[0]
    assert height >= 8
    assert 0.015 <= height / side <= 0.13


def test_lines_grow_with_the_image():
    def line_px(side):
        drawn = draw_boxes(gray_image(side, side), np.array([[0.2, 0.2, 0.8, 0.8]]), [""])
        return np.count_nonzero((drawn[side // 2, : side // 2] != GRAY).any(axis=1))

    assert [line_px(side) for side in (100, 600, 4000)] == [1, 2, 13]


def test_text_contrasts_with_its_background():
    """Every class colour carries black or white letters with a WCAG contrast above 3."""

    def luminance(colour):
        linear = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
            for c in np.array(colour) / 255
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for class_id in range(80):
        colour = class_colour(class_id)
        boxes = np.array([[0.1, 0.5, 0.9, 0.9]])
        drawn = draw_boxes(gray_image(400, 400), boxes, ["mmmm"], [colour])
        label = drawn[188:200, 42:60].reshape(-1, 3).astype(int)
        ink = label[np.abs(label - colour).sum(axis=1).argmax()]
        light, dark = sorted([luminance(colour), luminance(ink)], reverse=True)
        assert (light + 0.05) / (dark + 0.05) > 3, class_id


def test_too_long_label_is_cut_and_stays_inside():
    drawn = draw_boxes(gray_image(60, 80), np.array([[0.3, 0.6, 0.7, 0.9]]), ["very " * 40])
    assert drawn.shape == (60, 80, 3)
    assert (drawn[-1] == GRAY).all()


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(1, 12))
def test_tiny_images_do_not_fail(height, width):
    drawn = draw_boxes(gray_image(height, width), np.array([[0, 0, 1, 1]]), ["person 0.5"])
    assert drawn.shape == (height, width, 3)


def test_labels_of_neighbours_do_not_cover_each_other():
    """Two boxes at the same place: both label backgrounds are whole."""
    boxes = np.array([[0.3, 0.4, 0.6, 0.8], [0.31, 0.4, 0.6, 0.8]])
    colours = [(250, 0, 0), (0, 0, 250)]
    drawn = draw_boxes(gray_image(480, 640), boxes, ["first 0.90", "other 0.80"], colours)
    areas = [np.count_nonzero((drawn == colour).all(axis=2)) for colour in colours]
    alone = draw_boxes(gray_image(480, 640), boxes[:1], ["first 0.90"], colours[:1])
    area_alone = np.count_nonzero((alone == colours[0]).all(axis=2))
    assert min(areas) > 0.5 * area_alone


def test_first_box_lies_on_top():
    boxes = np.array([[0.2, 0.2, 0.8, 0.8]] * 2)
    drawn = draw_boxes(gray_image(200, 200), boxes, ["", ""], [(1, 2, 3), (4, 5, 6)])
    assert tuple(drawn[100, 40]) == (1, 2, 3)


def test_unequal_numbers_are_refused():
    with pytest.raises(ValueError, match="2 boxes, 1 labels, 2 colours"):
        draw_boxes(gray_image(9, 9), np.zeros((2, 4)), ["a"])


def test_class_colours_are_stable_and_distinct():
    colours = np.array([class_colour(i) for i in range(40)], int)
    distance = np.abs(colours[:, None] - colours[None]).sum(axis=-1)
    assert distance[np.triu_indices(40, 1)].min() > 12
    assert distance[:7, :7][np.triu_indices(7, 1)].min() > 80
    assert class_colour(5) == (213, 94, 0)


def test_contact_sheet_keeps_shapes_and_order():
    """Tiles go row by row, scaled to fit without distortion."""
    tall, wide = np.zeros((80, 20, 3), np.uint8), np.zeros((20, 80, 3), np.uint8)
    tall[:], wide[:] = (200, 0, 0), (0, 0, 200)
    sheet = contact_sheet([tall, wide, tall], columns=2, tile_height_px=60, tile_width_px=90)
    rows, columns = np.nonzero((sheet == (0, 0, 200)).all(axis=2))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert width == 90
    assert height == pytest.approx(90 / 4, abs=1)
    assert columns.min() > sheet.shape[1] / 2
    red_rows = np.nonzero((sheet == (200, 0, 0)).all(axis=2))[0]
    assert red_rows.max() > rows.max() + 30


def test_captions_add_a_line_below_each_tile():
    image = gray_image(50, 50)
    plain = contact_sheet([image] * 3, columns=3)
    named = contact_sheet([image] * 3, columns=3, captions=["a", "word " * 50, ""])
    assert named.shape[0] > plain.shape[0] + 8
    assert named.shape[1] == plain.shape[1]


@pytest.mark.parametrize(("images", "captions"), [([], None), ([gray_image(4, 4)], [])])
def test_sheet_needs_images_and_their_captions(images, captions):
    with pytest.raises(ValueError, match="at least one image, and one caption per image"):
        contact_sheet(images, captions=captions)


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png"])
def test_saved_image_comes_back(tmp_path, suffix):
    image = np.full((30, 50, 3), (10, 120, 230), np.uint8)
    save_image(tmp_path / "new" / f"a{suffix}", image)
    with Image.open(tmp_path / "new" / f"a{suffix}") as stored:
        assert np.abs(np.array(stored).astype(int) - image).max() <= 3
    assert os.listdir(tmp_path / "new") == [f"a{suffix}"]


def test_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(UnsupportedError, match=r"'\.gif' is not supported"):
        save_image(tmp_path / "a.gif", gray_image(4, 4))


def test_unwritable_place_is_an_output_error(tmp_path):
    (tmp_path / "a.jpg").mkdir()
    (tmp_path / "a.jpg" / "full").touch()
    with pytest.raises(OutputError, match=r"a\.jpg: cannot be written"):
        save_image(tmp_path / "a.jpg", gray_image(4, 4))


def test_detections_plot_names_and_colours_the_classes():
    boxes = np.array([[0.1, 0.3, 0.5, 0.6], [0.5, 0.5, 0.9, 0.9]], np.float32)
    found = Detections(boxes, np.array([0.9, 0.4], np.float32), np.array([1, 0]))
    image = gray_image(120, 240)
    expected = draw_boxes(
        image, boxes, ["cat 0.90", "dog 0.40"], [class_colour(1), class_colour(0)]
    )
    np.testing.assert_array_equal(found.plot(image, ["dog", "cat"]), expected)
    np.testing.assert_allclose(found.to_pixels(120, 240)[0], [24, 36, 120, 72], rtol=1e-6)
    exchange = found.to_supervision(120, 240)
    assert set(exchange) == {"xyxy", "confidence", "class_id"}
