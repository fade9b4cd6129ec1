"""The program itself, run on this machine: image files, folders, streams, options."""

import json
import subprocess
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from tests.targets.linux.pictures import picture, write_pictures
from tinydet.data.images import read_image
from tinydet.targets.linux import compare_with_pc
from tinydet.targets.linux.boards import ARCHITECTURES


def run(program, *arguments, content=b""):
    """Exit status, JSON lines, complaint."""
    done = subprocess.run([program, *map(str, arguments)], input=content, capture_output=True)
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    return done.returncode, lines, done.stderr.decode()


def test_same_boxes_as_on_the_pc(pc_program, native, tmp_path):
    """Same pixels, same boxes, to the bit, on 24 files of different sizes."""
    paths = write_pictures(tmp_path, 24)
    status, records, _ = run(native, "--checksum", *paths)
    comparison = compare_with_pc(pc_program, paths, records)
    assert (status, comparison.num_same) == (0, 24)
    assert sum(len(record["detections"]) for record in records) > 24


def test_all_kernels_and_all_numbers_of_threads_find_the_same(native, native_board, tmp_path):
    """Each set that this processor runs, by name, alone and shared; others are refused by name."""
    paths = write_pictures(tmp_path, 24)
    timeless = {"ms": 0, "decode_ms": 0}
    architecture = ARCHITECTURES[native_board.architecture]
    expected = [record | timeless for record in run(native, "--threads", "1", *paths)[1]]
    ran = 0
    for name in (*(each.name for each in architecture.kernel_sets), architecture.baseline):
        for threads in (1, 2, 5):
            options = ["--kernels", name, "--threads", threads]
            status, records, complaint = run(native, *options, *paths)
            if status == 3:
                assert f"there are no kernels {name} for this processor" in complaint
            else:
                ran += 1
                assert [record | timeless for record in records] == expected
    assert ran >= 3


@pytest.mark.parametrize(
    "options", [["--threads", "0"], ["--threads", "17"], ["--threads", "two"], ["--kernels"]]
)
def test_threads_that_cannot_be_are_bad_usage(native, options):
    status, _, complaint = run(native, *options)
    assert status == 2
    assert "--threads N" in complaint


def test_a_line_says_what_predict_says_and_the_time(native, small_model, tmp_path):
    path = write_pictures(tmp_path, 1)[0]
    record = run(native, path)[1][0]
    assert record["file"] == str(path)
    assert record["frame"] is None
    assert (record["height"], record["width"]) == read_image(path).shape[:2]
    assert record["ms"] > 0
    assert record["decode_ms"] > 0
    assert "pixels_crc32" not in record
    names = {(d["class_id"], d["class_name"]) for d in record["detections"]}
    assert names <= set(enumerate(small_model.spec.class_names))  # with quotes and accents
    assert names


def pixels_of(native, path):
    """CRC of the upright pixels as the program decodes them."""
    record = run(native, "--checksum", path)[1][0]
    return record["height"], record["width"], record["pixels_crc32"]


def expected_pixels(path):
    image = read_image(path)
    return (*image.shape[:2], crc32(image.tobytes()))


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [(mode, ".png") for mode in ("RGB", "RGBA", "L", "LA", "P", "1")]
    + [(mode, ".bmp") for mode in ("RGB", "RGBA", "L", "P", "1")],
)
def test_kinds_of_pixels_are_decoded_as_on_the_pc(native, tmp_path, mode, suffix):
    path = tmp_path / f"image{suffix}"
    Image.fromarray(picture(3)).convert(mode).save(path)
    assert pixels_of(native, path) == expected_pixels(path)


def test_16_bit_gray_keeps_the_upper_bits(native, tmp_path):
    values = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50) * 31
    Image.fromarray(values).save(tmp_path / "gray.png")
    assert pixels_of(native, tmp_path / "gray.png") == expected_pixels(tmp_path / "gray.png")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_in_png(native, tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(picture(4, 33, 57)).save(path, exif=exif)
    assert pixels_of(native, path) == expected_pixels(path)


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_jpeg_is_turned_too(native, tmp_path, orientation, endian):
    """Its pixels are rounded otherwise, but its size and its boxes are those of a turned image."""
    exif = Image.Exif()
    exif.endian = endian
    exif[0x0112] = orientation
    path = tmp_path / "turned.jpg"
    Image.fromarray(picture(4, 32, 64)).save(path, exif=exif, quality=95)
    height, width, _ = pixels_of(native, path)
    assert (height, width) == ((64, 32) if orientation >= 5 else (32, 64))


@pytest.mark.parametrize("quality", [75, 95])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_differs_by_rounding_only(pc_program, native, tmp_path, quality, progressive):
    """The best score is within 4 steps of that from the PC's decoder, and the counts are near."""
    path = tmp_path / "photo.jpg"
    Image.fromarray(picture(8, 96, 144)).save(path, quality=quality, progressive=progressive)
    found = run(native, path)[1][0]["detections"]
    here = pc_program.detect_image(read_image(path))
    assert abs(len(found) - len(here)) <= max(2, len(here) // 5)
    assert abs(found[0]["score"] - here.scores[0]) <= 4 / 256


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".ppm"])
def test_a_truncated_file_is_said_and_does_not_stop_the_others(native, tmp_path, suffix, share):
    whole = write_pictures(tmp_path, 1)[0]
    broken = tmp_path / f"broken{suffix}"
    Image.fromarray(picture(1)).save(broken)
    content = broken.read_bytes()
    broken.write_bytes(content[: int(len(content) * share)])
    status, records, _ = run(native, broken, whole)
    assert status == 1
    assert "error" in records[0]
    assert "detections" in records[1]


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("empty.png", b"", "is an empty file"),
        ("text.png", b"hello, this is no image", "is not a JPEG, PNG, BMP or PNM image"),
        ("missing.png", None, "No such file or directory"),
    ],
)
def test_unusable_files_have_a_line_with_the_reason(native, tmp_path, name, content, error):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    status, records, _ = run(native, tmp_path / name)
    assert status == 1
    assert records == [{"file": str(tmp_path / name), "error": error}]


def test_damaged_files_never_crash(native, tmp_path):
    """Any byte of an image may be wrong: there is a line, and the program ends by itself."""
    rng = np.random.default_rng(0)
    paths = []
    for suffix in (".png", ".jpg", ".bmp", ".ppm"):
        Image.fromarray(picture(2, 24, 32)).save(tmp_path / f"good{suffix}")
        good = (tmp_path / f"good{suffix}").read_bytes()
        for index in range(40):
            bad = np.frombuffer(good, np.uint8).copy()
            at = rng.integers(0, min(len(bad), 200 if index % 2 else len(bad)), 4)
            bad[at] = rng.integers(0, 256, 4)
            paths.append(tmp_path / f"{index:02}{suffix}")
            paths[-1].write_bytes(bad.tobytes())
    status, records, complaint = run(native, *paths)
    assert status in (0, 1), complaint
    assert [record["file"] for record in records] == [str(path) for path in paths]


def test_a_folder_is_its_images_by_name(native, tmp_path):
    paths = write_pictures(tmp_path, 3, suffixes=(".png", ".PPM", ".jpg"))
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_bytes(b"")
    status, records, _ = run(native, tmp_path)
    assert status == 0
    assert [record["file"] for record in records] == [str(path) for path in sorted(paths)]


def test_a_folder_without_images_is_said(native, tmp_path):
    status, records, _ = run(native, tmp_path)
    assert status == 1
    assert records[0]["error"] == "contains no image file"


def stream_of(paths):
    """The bytes of ``--stream``: files as they are."""
    pieces = []
    for path in paths:
        name, content = str(path).encode(), path.read_bytes()
        pieces += [b"%d %d\n" % (len(name), len(content)), name, content]
    return b"".join(pieces)


def test_a_stream_is_the_files_that_are_in_it(native, tmp_path):
    paths = write_pictures(tmp_path, 4, suffixes=(".png", ".jpg"))
    content = stream_of(paths)
    _, streamed, _ = run(native, "--checksum", "--stream", content=content)
    _, read, _ = run(native, "--checksum", *paths)
    times = {"ms": 0, "decode_ms": 0}
    assert [record | times for record in streamed] == [record | times for record in read]


@pytest.mark.parametrize(
    "content", [b"x", b"3 x\n", b"3 100\nabc", b"99999 1\n", b"1 999999999999\n"]
)
def test_a_broken_stream_is_refused(native, content):
    status, _, complaint = run(native, "--stream", content=content)
    assert status == 3
    assert "not a stream of images" in complaint


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--what"],
        ["--stream", "a.png"],
        ["--benchmark", "0"],
        ["--benchmark", "x"],
        ["--benchmark", "1", "a.png", "b.png"],
        ["--camera"],
        ["--camera", "/dev/video0", "--size", "640"],
        ["--camera", "/dev/video0", "--size", "640x99999"],
        ["--camera", "/dev/video0", "--frames", "0"],
    ],
)
def test_wrong_options_show_the_usage(native, arguments):
    status, records, complaint = run(native, *arguments)
    assert (status, records) == (2, [])
    assert complaint.startswith("usage: ")


def test_no_camera_is_said(native):
    status, _, complaint = run(native, "--camera", "/dev/no-camera")
    assert (status, complaint) == (
        3,
        "/dev/no-camera: cannot be opened (No such file or directory)\n",
    )
    status, _, complaint = run(native, "--camera", "/dev/null")
    assert status == 3
    assert complaint.startswith("/dev/null: is not a camera (")


def test_benchmark_gives_a_line_per_run(native, tmp_path):
    status, records, _ = run(native, "--benchmark", 7, "--warmup", 2)
    assert status == 0
    assert [record.get("run") for record in records] == [*range(7), None]
    times = ("network_ms", "image_ms")
    assert all(record[time] > 0 for record in records[:-1] for time in times)
    assert records[-1]["peak_memory_kib"] > 100
    assert run(native, "--benchmark", 1, write_pictures(tmp_path, 1)[0])[0] == 0
    assert run(native, "--benchmark", 1, tmp_path / "none.png")[0] == 3
