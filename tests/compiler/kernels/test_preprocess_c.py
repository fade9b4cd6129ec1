"""The C preprocessing gives the bytes of the Python one, from every pixel format."""

import ctypes
import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.compiler.kernels.host_library import DETECTION, GUARD, KERNELS, Guarded, load_library
from tests.pixel_formats import BYTES_PER_PIXEL, decode_pixels
from tinydet.boxes import clip_boxes
from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.preprocess import boxes_to_image, place, preprocess

# In the order of the C enumerations.
FORMATS = ("rgb888", "rgb565", "rgb565_be", "yuyv", "uyvy", "gray8")
INTERPOLATIONS = ("nearest", "bilinear", "area")
ASPECT_RATIOS = ("fit", "crop", "padding")
COLOR_MODES = ("rgb", "bgr", "grayscale")
# As the header states it, so that the guards around the scratch hold the header to its word.
SCRATCH_BYTES_PER_COLUMN = {
    kind.lower(): int(factor)
    for kind, factor in re.findall(
        r"SCRATCH_BYTES_([A-Z]+)\(width\) \(?(\d+)", (KERNELS / "td_preprocess.h").read_text()
    )
}
SOURCES = ["td_preprocess.c", "td_placement.c"]
OK, BAD_SIZE, BAD_PARAMS = 0, -1, -2


class Params(ctypes.Structure):
    _fields_ = [
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("interpolation", ctypes.c_int),
        ("aspect_ratio", ctypes.c_int),
        ("color_mode", ctypes.c_int),
    ]


class Image(ctypes.Structure):
    _fields_ = [
        ("pixels", ctypes.c_void_p),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("row_step_bytes", ctypes.c_int32),
        ("format", ctypes.c_int),
    ]


class Placement(ctypes.Structure):
    _fields_ = [
        *((f"source_{name}", ctypes.c_int32) for name in ("top", "left", "height", "width")),
        *((name, ctypes.c_int32) for name in ("top", "left", "height", "width")),
    ]


class State(ctypes.Structure):
    _fields_ = [
        ("params", Params),
        ("placement", Placement),
        ("format", ctypes.c_int),
        ("source_row", ctypes.c_int32),
        ("output_row", ctypes.c_int32),
        ("scratch", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
    ]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    loaded = load_library(SOURCES, tmp_path_factory.mktemp("preprocess"))
    loaded.td_place.restype = Placement
    return loaded


def params_of(spec):
    return Params(
        spec.height,
        spec.width,
        INTERPOLATIONS.index(spec.interpolation),
        ASPECT_RATIOS.index(spec.aspect_ratio),
        COLOR_MODES.index(spec.color_mode),
    )


class Frame:
    """A camera frame, with unused bytes between its rows."""

    def __init__(self, content, pixel_format, height, width, gap=0):
        self.image = decode_pixels(content, pixel_format, height, width)
        self.row_bytes = width * BYTES_PER_PIXEL[pixel_format]
        rows = np.frombuffer(content, np.uint8).reshape(height, self.row_bytes)
        self.rows = np.pad(rows, ((0, 0), (0, gap)), constant_values=GUARD)
        self.struct = Image(
            self.rows.ctypes.data, height, width, self.rows.shape[1], FORMATS.index(pixel_format)
        )


def random_frame(rng, pixel_format, height, width, gap=0):
    content = rng.integers(0, 256, height * width * BYTES_PER_PIXEL[pixel_format], np.uint8)
    return Frame(content.tobytes(), pixel_format, height, width, gap)


class Memory:
    """Output and scratch of just the documented size."""

    def __init__(self, spec):
        self.shape = spec.height, spec.width, 3
        self.output = Guarded(3 * spec.height * spec.width)
        self.scratch = Guarded(spec.width * SCRATCH_BYTES_PER_COLUMN[spec.interpolation])

    def result(self):
        self.scratch.content()
        return np.frombuffer(self.output.content(), np.uint8).reshape(self.shape)


def run_whole(library, frame, spec):
    memory = Memory(spec)
    arguments = memory.scratch.address, memory.output.address
    params = params_of(spec)
    status = library.td_preprocess(ctypes.byref(params), ctypes.byref(frame.struct), *arguments)
    assert status == OK
    return memory.result()


def run_by_rows(library, frame, spec):
    """Through one row buffer that is overwritten by each row; only two fields of size are given."""
    memory = Memory(spec)
    state, params = State(), params_of(spec)
    source = Image(None, frame.struct.height, frame.struct.width, 0, frame.struct.format)
    arguments = memory.scratch.address, memory.output.address
    status = library.td_preprocess_begin(
        ctypes.byref(state), ctypes.byref(params), ctypes.byref(source), *arguments
    )
    assert status == OK
    buffer = np.empty(frame.row_bytes, np.uint8)
    complete = 0
    for row in frame.rows:
        buffer[:] = row[: frame.row_bytes]
        now = library.td_preprocess_row(ctypes.byref(state), ctypes.c_void_p(buffer.ctypes.data))
        assert now >= complete
        complete = now
    assert complete == 1
    return memory.result()


def spec_of(height, width, interpolation="bilinear", aspect_ratio="fit", color_mode="rgb"):
    return PreprocessSpec(
        height=height,
        width=width,
        interpolation=interpolation,
        aspect_ratio=aspect_ratio,
        color_mode=color_mode,
    )


@st.composite
def frames(draw):
    pixel_format = draw(st.sampled_from(FORMATS))
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    width += width % 2 and pixel_format in ("yuyv", "uyvy")
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random_frame(rng, pixel_format, height, width, gap=draw(st.integers(0, 4)))


specs = st.builds(
    spec_of,
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    interpolation=st.sampled_from(INTERPOLATIONS),
    aspect_ratio=st.sampled_from(ASPECT_RATIOS),
    color_mode=st.sampled_from(COLOR_MODES),
)


@settings(max_examples=200)
@given(frames(), specs)
def test_bytes_are_those_of_python(library, frame, spec):
    expected = preprocess(frame.image, spec)
    np.testing.assert_array_equal(run_whole(library, frame, spec), expected)
    np.testing.assert_array_equal(run_by_rows(library, frame, spec), expected)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("aspect_ratio", ASPECT_RATIOS)
@pytest.mark.parametrize(
    ("source", "pixel_format"),
    [((240, 320), "rgb565"), ((480, 640), "yuyv"), ((96, 160), "rgb888"), ((61, 1500), "gray8")],
    ids=str,
)
def test_camera_frames(library, interpolation, aspect_ratio, source, pixel_format):
    frame = random_frame(np.random.default_rng(3), pixel_format, *source)
    spec = spec_of(192, 224, interpolation, aspect_ratio)
    np.testing.assert_array_equal(run_whole(library, frame, spec), preprocess(frame.image, spec))


@pytest.mark.parametrize("source", [(16383, 6), (6, 16383)], ids=str)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("aspect_ratio", ASPECT_RATIOS)
def test_sides_at_the_limits(library, source, interpolation, aspect_ratio):
    frame = random_frame(np.random.default_rng(4), "rgb888", *source)
    spec = spec_of(511, 510, interpolation, aspect_ratio, "bgr")
    np.testing.assert_array_equal(run_whole(library, frame, spec), preprocess(frame.image, spec))


def test_the_largest_area_sum(library):
    """White pixels make the largest sums there can be."""
    frame = Frame(bytes([255]) * 4096 * 4096, "gray8", 4096, 4096)
    assert (run_whole(library, frame, spec_of(1, 2, "area")) == 255).all()
    assert (run_whole(library, frame, spec_of(2, 1, "area")) == 255).all()


@given(
    *(st.integers(1, 16383) for _ in range(2)),
    *(st.integers(1, 511) for _ in range(2)),
    st.sampled_from(ASPECT_RATIOS),
)
def test_placement(library, h, w, height, width, aspect_ratio):
    params = params_of(spec_of(height, width, aspect_ratio=aspect_ratio))
    placed = library.td_place(h, w, ctypes.byref(params))
    expected = place((h, w), (height, width), aspect_ratio)
    assert {name: getattr(placed, name) for name, _ in Placement._fields_} == vars(expected)


@given(
    *(st.integers(1, 16383) for _ in range(2)),
    *(st.integers(1, 511) for _ in range(2)),
    st.sampled_from(ASPECT_RATIOS),
    st.integers(0, 2**32),
)
def test_boxes_to_image(library, h, w, height, width, aspect_ratio, seed):
    """In float32, hence as close as the header says; the same bits for fit.

    Clipped to the image; what has no area there is dropped, unless rounding decides it.
    """
    corners = np.random.default_rng(seed).uniform(0, 1, (3, 2, 2)).astype(np.float32)
    boxes = np.sort(corners, axis=1).reshape(3, 4)
    spec = spec_of(height, width, aspect_ratio=aspect_ratio)
    rows = np.zeros(3, DETECTION)
    rows["box"], rows["score"] = boxes, 0.5
    params, pointer = params_of(spec), ctypes.c_void_p(rows.ctypes.data)
    kept = library.td_boxes_to_image(ctypes.byref(params), h, w, pointer, 2)
    assert rows["box"][2].tobytes() == boxes[2].tobytes()
    assert (rows["score"] == 0.5).all()
    expected = clip_boxes(boxes_to_image(boxes[:2], (h, w), spec))
    if aspect_ratio == "fit":
        assert (kept, rows["box"][:2].tobytes()) == (2, expected.tobytes())
    placed = place((h, w), (height, width), aspect_ratio)
    pixel = [placed.source_width / placed.width / w, placed.source_height / placed.height / h] * 2
    tolerance = 1e-3 * np.array(pixel) + 1e-6
    sides = np.minimum(expected[:, 2] - expected[:, 0], expected[:, 3] - expected[:, 1])
    assume(not ((sides != 0) & (sides < 2 * tolerance.max())).any())
    expected = expected[sides > 0]
    assert kept == len(expected)
    assert (np.abs(rows["box"][:kept].astype(float) - expected) < tolerance).all()


@pytest.mark.parametrize(
    ("source", "params", "status"),
    [
        ((0, 4, 0), (8, 8, 0, 0, 0), BAD_SIZE),
        ((4, -1, 0), (8, 8, 0, 0, 0), BAD_SIZE),
        ((4, 16384, 0), (8, 8, 0, 0, 0), BAD_SIZE),
        ((4, 4, 0), (8, 0, 0, 0, 0), BAD_SIZE),
        ((4, 4, 0), (512, 8, 0, 0, 0), BAD_SIZE),
        ((4, 5, 3), (8, 8, 0, 0, 0), BAD_SIZE),
        ((4, 5, 4), (8, 8, 0, 0, 0), BAD_SIZE),
        ((4097, 4096, 5), (8, 8, 2, 0, 0), BAD_SIZE),
        ((4, 4, 6), (8, 8, 0, 0, 0), BAD_PARAMS),
        ((4, 4, 0), (8, 8, 3, 0, 0), BAD_PARAMS),
        ((4, 4, 0), (8, 8, 0, 3, 0), BAD_PARAMS),
        ((4, 4, 0), (8, 8, 0, 0, -1), BAD_PARAMS),
    ],
)
def test_the_impossible_is_refused_and_nothing_touched(library, source, params, status):
    height, width, pixel_format = source
    image, c_params = Image(None, height, width, 0, pixel_format), Params(*params)
    memory = Memory(spec_of(8, 8, "area"))
    before = memory.output.content()
    assert status == library.td_preprocess(
        ctypes.byref(c_params),
        ctypes.byref(image),
        memory.scratch.address,
        memory.output.address,
    )
    assert memory.output.content() == before
