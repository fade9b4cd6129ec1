"""Which images count as equal, and which differences are told."""

from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from tests.compiler.small_detector import small_compiled, small_spec
from tests.targets.linux.pictures import picture, write_pictures
from tests.targets.linux.test_program import run
from tinydet.data.images import read_image
from tinydet.targets import HostTarget
from tinydet.targets.linux import build_program, compare_with_pc


def record_of(program, path):
    """What a board should say."""
    image = read_image(path)
    found = program.detect_image(image)
    detections = [
        {"class_id": int(c), "score": float(s), "box": [float(v) for v in box]}
        for box, s, c in zip(found.boxes, found.scores, found.class_ids, strict=True)
    ]
    return {"detections": detections, "pixels_crc32": crc32(image.tobytes())}


def test_each_kind_of_difference(pc_program, tmp_path):
    paths = write_pictures(tmp_path, 6)
    records = [record_of(pc_program, path) for path in paths]
    records[1]["pixels_crc32"] ^= 1
    records[2] = {"error": "is damaged"}
    score = np.float32(records[3]["detections"][0]["score"])
    records[3]["detections"][0]["score"] = float(np.nextafter(score, np.float32(2)))
    records[4]["detections"].pop()
    paths[5] = tmp_path / "none.png"
    comparison = compare_with_pc(pc_program, paths, records)
    assert comparison.num_same == 1
    assert comparison.other_pixels == [str(paths[1])]
    assert comparison.not_compared == [str(paths[2]), str(paths[5])]
    assert comparison.different == [str(paths[3]), str(paths[4])]
    assert "2 DIFFERENT BOXES from the same pixels" in str(comparison)


@pytest.mark.parametrize("aspect_ratio", ["crop", "padding"])
def test_mapped_back_boxes_are_equal_too(native_board, tmp_path, aspect_ratio):
    """Of images much wider and much higher than the input."""
    model = small_compiled(spec=small_spec(aspect_ratio=aspect_ratio))
    paths = []
    for index, (height, width) in enumerate([(40, 160), (160, 40), (32, 48), (100, 101)]):
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(picture(index, height, width)).save(paths[-1])
    program = build_program(model, native_board, tmp_path / "native")
    _, records, _ = run(program, "--checksum", *paths)
    pc = HostTarget().build(model, tmp_path / "pc")
    assert compare_with_pc(pc, paths, records).num_same == 4
    box = next(record for record in records if record["detections"])["detections"][0]["box"]
    box[0] = float(np.nextafter(np.float32(box[0]), np.float32(2)))
    assert len(compare_with_pc(pc, paths, records).different) == 1
