"""The one artefact: what it says is what its files say, and what a target may ask of it."""

import re

import numpy as np
import pytest

from tests.compiler.small_detector import small_compiled, small_detector, small_spec
from tinydet.compiler import compile_detector


@pytest.mark.parametrize("score_threshold", [0.05, 0.31, 1.0])
def test_another_threshold_is_what_compiling_with_it_gives(score_threshold):
    other = small_compiled().with_score_threshold(score_threshold)
    again = small_compiled(spec=small_spec(score_threshold=score_threshold))
    assert other.spec == again.spec
    assert other.sources == again.sources


def test_saving_twice_gives_the_same_files_and_leaves_others_alone(tmp_path):
    contents = []
    (tmp_path / "mine.txt").write_text("mine")
    for _ in range(2):
        small_compiled().save(tmp_path)
        contents.append({path.name: path.read_bytes() for path in tmp_path.iterdir()})
    assert contents[0] == contents[1]
    assert contents[0].pop("mine.txt") == b"mine"
    assert set(contents[0]) == {
        *small_compiled().sources, "plan.json", "arena.png", "detector.json"
    }  # fmt: skip
    small_compiled().save(tmp_path / "no picture", picture=False)
    assert not (tmp_path / "no picture" / "arena.png").exists()


@pytest.mark.parametrize("input_mode", ["image", "caller", "rows"])
def test_the_header_says_the_same_numbers(input_mode):
    detector = small_compiled(input_mode=input_mode)
    header = detector.sources["small.h"]
    said = dict(re.findall(rf"#define {detector.macro_prefix}_(\w+) (\S+)", header))
    height, width, _ = detector.input_shape
    assert (int(said["INPUT_HEIGHT"]), int(said["INPUT_WIDTH"])) == (height, width)
    assert int(said["ARENA_BYTES"]) == detector.arena_bytes
    rows = int(said["NUM_ANCHORS"]), 1 + int(said["NUM_CLASSES"])
    assert rows == detector.outputs["scores"].shape[1:]
    assert int(said["MAX_DETECTIONS"]) == detector.max_detections
    for code, name in ((detector.scores, "SCORES"), (detector.deltas, "DELTAS")):
        assert np.float32(said[f"{name}_SCALE"].rstrip("f")) == np.float32(code.scale)
        assert int(said[f"{name}_ZERO_POINT"].strip("()")) == code.zero_point
    assert detector.input_mode == input_mode


def test_every_operator_with_weights_has_its_tables():
    """Parameters point at tables of the weights file, and all weights are pointed at."""
    detector = small_compiled()
    tables = set().union(*detector.tables.values())
    defined = re.findall(r"\b(\w+)\[\d+\] = \{", detector.sources["small_weights.c"])
    assert tables <= set(defined)
    weights = {name for name in defined if "weights" in name}
    assert weights <= tables
    for name in detector.tables:
        assert f"&{name}" in detector.sources["small.c"]


def test_the_content_of_a_file_does_not_say_what_it_detects():
    with pytest.raises(ValueError, match="give spec"):
        compile_detector(small_detector())
