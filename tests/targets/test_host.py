from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tinydet.errors import MissingToolError
from tinydet.targets import BuildError, HostTarget, toolchain


def test_the_c_gives_what_numpy_gives(stand_in, host_program):
    for image in stand_in.random_images(5):
        scores, deltas, _ = stand_in.expected(image)
        raw = host_program.run(image)
        np.testing.assert_array_equal(raw.scores, scores)
        np.testing.assert_array_equal(raw.deltas, deltas)


def test_detections_come_back_bit_for_bit(stand_in, host_program):
    for image in stand_in.random_images(5):
        expected, found = stand_in.expected(image)[2], host_program.detect(image)
        assert len(found) == len(expected) > 0
        np.testing.assert_array_equal(found.boxes, expected.boxes)
        np.testing.assert_array_equal(found.scores, expected.scores)
        np.testing.assert_array_equal(found.class_ids, expected.class_ids)


@pytest.mark.parametrize("capacity", [0, 1, 7])
def test_no_more_detections_than_there_is_room_for(stand_in, host_program, capacity):
    image = stand_in.random_images(1)[0]
    assert len(host_program.detect(image, capacity)) == capacity


def test_threads_do_not_disturb_each_other(stand_in, host_program):
    """Each thread has an arena of its own: results do not depend on who runs at the same time."""
    images = stand_in.random_images(40)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(host_program.run, images))
    for image, raw in zip(images, runs, strict=True):
        np.testing.assert_array_equal(raw.scores, stand_in.expected(image)[0])


@pytest.mark.parametrize(
    ("shape", "dtype"), [((32, 32, 3), np.uint8), ((1, 32, 48, 3), np.uint8), ((32, 48, 3), int)]
)
def test_images_of_another_size_are_refused(host_program, shape, dtype):
    with pytest.raises(ValueError, match=r"\(32, 48, 3\) uint8"):
        host_program.run(np.zeros(shape, dtype))


@pytest.mark.parametrize("where", ["arena + TINY_ARENA_BYTES", "arena - 1"])
def test_a_write_outside_the_arena_is_found(stand_in, tmp_path, where):
    body = stand_in.MODEL.replace(
        "void tiny_run(void *arena)\n{", f"void tiny_run(void *arena)\n{{ *((char *){where}) = 1;"
    )
    program = HostTarget().build(stand_in.model(body), tmp_path)
    with pytest.raises(RuntimeError, match="outside its arena"):
        program.run(stand_in.random_images(1)[0])


@pytest.mark.parametrize(
    "statement",
    [
        "volatile int32_t big = 2147483647; big = big + 1;",
        "volatile int32_t bits = 33; bits = 1 << bits;",
        "volatile float huge = 1e20f; volatile int32_t whole = (int32_t)huge; (void)whole;",
    ],
)
def test_undefined_behaviour_is_found(stand_in, tmp_path, statement):
    """Each kind raises, with the process and the next call unharmed."""
    body = stand_in.MODEL.replace(
        "void tiny_run(void *arena)\n{", f"void tiny_run(void *arena)\n{{ {statement}"
    )
    program = HostTarget(sanitize=True).build(stand_in.model(body), tmp_path)
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"undefined behaviour .* 1 times"):
            program.run(stand_in.random_images(1)[0])


def test_warnings_are_errors(stand_in, tmp_path):
    body = stand_in.MODEL + "\nint8_t narrow(int v);\nint8_t narrow(int v) { return v; }\n"
    with pytest.raises(BuildError, match=r"zig cc failed .*implicit conversion.*report it"):
        HostTarget().build(stand_in.model(body), tmp_path)


def test_missing_compiler_package_says_what_to_install(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingToolError, match=r"ziglang.*pip install 'tinydet\[compile\]'"):
        HostTarget().build(stand_in.model(), tmp_path)
