"""From a .tflite file to C: every operator and every box equal to LiteRT's reference kernels."""

import ctypes
import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.compiler.generated_library import STRICT, ZIG_CC, GeneratedLibrary, compile_files
from tests.compiler.small_detector import HEIGHT, WIDTH, small_compiled, small_detector, small_spec
from tinydet.boxes import select_detections
from tinydet.compiler import CompileOptions, compile_detector
from tinydet.compiler.memory import plan_record
from tinydet.errors import ArenaLimitError, CompilerError, ModelFileError, UnsupportedError
from tinydet.inference import load_detector

DETECTION = np.dtype([("box", "<f4", 4), ("score", "<f4"), ("class_id", "<i4")])


class Reference:
    """All tensors of a .tflite file by name, from LiteRT's reference kernels."""

    def __init__(self, content):
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self.interpreter = Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
        self.interpreter.allocate_tensors()
        self.indices = {d["name"]: d["index"] for d in self.interpreter.get_tensor_details()}

    def run(self, image):
        self.interpreter.set_tensor(self.interpreter.get_input_details()[0]["index"], image[None])
        self.interpreter.invoke()

    def __getitem__(self, name):
        return self.interpreter.get_tensor(self.indices[name])


def images(count, seed=7):
    """Noise, and soft blobs like those of photographs."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        if index % 2:
            coarse = rng.integers(0, 256, (4, 6, 3), np.uint8)
            yield np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT)))
        else:
            yield rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def compiled(content, spec, **options):
    return small_compiled(content, spec, **options)


def compiled_library(content, spec, folder, *flags, **settings):
    files = compiled(content, spec, **settings)
    return files, GeneratedLibrary(files.model, files.sources, folder, *flags)


def assert_steps_equal_the_reference(files, library, reference, image):
    """Every step whose tensor has the shape that it has in the file; gives their number."""
    reference.run(image)
    steps = library.trace(image)
    compared = 0
    for op in files.model.graph.ops:
        tensor = files.model.graph.output(op)
        if tensor.name not in reference.indices:
            continue
        expected = reference[tensor.name]
        if expected.shape != tensor.shape:  # constant channels are gone
            continue
        found = library.step_values(steps, op)
        np.testing.assert_array_equal(found, expected, op.name)
        compared += 1
    return compared


@pytest.mark.parametrize(
    ("tail", "optimize", "input_mode"),
    [
        ("joined", "balanced", "image"),
        ("joined", "speed", "caller"),
        ("two", "ram", "image"),
        ("two", "ram", "rows"),
        ("three", "ram", "caller"),
        ("three", "speed", "rows"),
    ],
)
def test_every_operator_equals_the_reference(tmp_path, tail, optimize, input_mode):
    content = small_detector(tail=tail)
    settings = {"optimize": optimize, "input_mode": input_mode, "remove_channels": False}
    files, library = compiled_library(content, small_spec(), tmp_path, **settings)
    reference = Reference(content)
    for image in images(4):
        compared = assert_steps_equal_the_reference(files, library, reference, image)
        assert compared == len(files.model.graph.ops)


def test_outputs_are_the_same_without_the_constant_channels(tmp_path):
    content = small_detector(seed=3)
    whole = compiled(content, small_spec(), remove_channels=False)
    files, library = compiled_library(content, small_spec(), tmp_path)
    assert len(files.sources["small.c"]) < len(whole.sources["small.c"])
    reference = Reference(content)
    for image in images(6):
        assert_steps_equal_the_reference(files, library, reference, image)
        for what, tensor in files.model.outputs():
            found = library.output(what, tensor)
            np.testing.assert_array_equal(found, reference[tensor.name])


def detect(library, image, capacity=30, what="detect"):
    """Detections of one image; None says that it lies in the arena already."""
    records = np.zeros(max(capacity, 1), DETECTION)
    function = library.function(what, ctypes.c_int)
    if what == "detect_image":
        source = ctypes.byref(image)
    elif image is None:
        source = None
    else:
        image = np.ascontiguousarray(image)
        source = ctypes.c_void_p(image.ctypes.data)
    count = function(
        source, library.arena, ctypes.c_void_p(records.ctypes.data), ctypes.c_int(capacity)
    )
    library.check_guards()
    return records[:count]


def test_boxes_of_an_image_that_the_caller_keeps(tmp_path):
    spec, content = small_spec(2, score_threshold=0.1), small_detector(seed=2)
    in_arena, kept = tmp_path / "image", tmp_path / "caller"
    in_arena.mkdir()
    kept.mkdir()
    _, usual = compiled_library(content, spec, in_arena, "-O2")
    files, library = compiled_library(content, spec, kept, "-O2", input_mode="caller")
    header = files.sources["small.h"]
    assert not any(what in header for what in ("small_input(", "small_preprocess(", "td_image"))
    for image in images(3):
        pixels = image.copy()
        np.testing.assert_array_equal(detect(library, pixels), detect(usual, image))
        np.testing.assert_array_equal(pixels, image)


@pytest.mark.parametrize("optimize", ["ram", "speed"])
def test_rows_may_come_in_any_number(tmp_path, optimize):
    """Detections are those of the whole image; too few rows are refused, too many not read."""
    spec = small_spec(2, score_threshold=0.1)
    _, library = compiled_library(
        small_detector(seed=2), spec, tmp_path, "-O2", input_mode="rows", optimize=optimize
    )
    begin, feed = library.function("begin", None), library.function("feed_rows", ctypes.c_int)
    rng = np.random.default_rng(3)
    for image in images(3):
        expected = detect(library, image)
        begin(library.arena)
        fed = 0
        while fed < HEIGHT:
            assert library.function("run_rest", ctypes.c_int)(library.arena) == -1
            count = int(rng.integers(0, HEIGHT - fed + 3))
            rows = np.ascontiguousarray(image[fed : fed + count])
            missing = feed(library.arena, ctypes.c_void_p(rows.ctypes.data), ctypes.c_int(count))
            fed = min(fed + count, HEIGHT)
            assert missing == HEIGHT - fed
        records = np.zeros(30, DETECTION)
        found = library.function("finish", ctypes.c_int)(
            library.arena, ctypes.c_void_p(records.ctypes.data), ctypes.c_int(30)
        )
        library.check_guards()
        np.testing.assert_array_equal(records[:found], expected)


def test_objectives_trade_the_arena_for_calls():
    plans = {
        (optimize, mode): compiled(
            small_detector(), small_spec(), optimize=optimize, input_mode=mode
        ).plan
        for optimize in ("ram", "balanced", "speed")
        for mode in ("image", "caller", "rows")
    }
    for mode in ("image", "caller", "rows"):
        ram, balanced, speed = (plans[o, mode] for o in ("ram", "balanced", "speed"))
        assert ram.arena_bytes <= balanced.arena_bytes <= speed.arena_bytes
        assert ram.overhead >= balanced.overhead >= speed.overhead == 0
    for mode in ("caller", "rows"):
        assert plans["ram", mode].arena_bytes < plans["ram", "image"].arena_bytes


def test_a_limit_of_ram_takes_the_cheapest_plan_that_fits():
    smallest = compiled(small_detector(), small_spec(), optimize="ram").plan
    fastest = compiled(small_detector(), small_spec(), optimize="speed").plan
    middle = (smallest.arena_bytes + fastest.arena_bytes) // 2
    overheads = []
    for limit in (smallest.arena_bytes, middle, fastest.arena_bytes):
        plan = compiled(small_detector(), small_spec(), ram_limit_bytes=limit).plan
        assert plan.arena_bytes <= limit
        overheads.append(plan.overhead)
    assert overheads == sorted(overheads, reverse=True)
    assert overheads[-1] == 0


def test_a_limit_that_no_plan_keeps_to_is_refused_with_what_fits():
    rows = compiled(small_detector(), small_spec(), optimize="ram", input_mode="rows").plan
    with pytest.raises(ArenaLimitError) as caught:
        compiled(small_detector(), small_spec(), ram_limit_bytes=1000)
    assert re.search(
        r"smallest arena has \d+ bytes, \d+ more than the limit of 1000", str(caught.value)
    )
    assert f"row by row (input mode rows): {rows.arena_bytes} bytes" in str(caught.value)


@pytest.mark.parametrize(("num_classes", "voting_iou"), [(1, None), (3, None), (2, 0.5)])
def test_boxes_equal_those_of_the_python_path(tmp_path, num_classes, voting_iou):
    spec = small_spec(num_classes, score_threshold=0.1, box_voting_iou=voting_iou)
    model = tmp_path / "small.tflite"
    model.write_bytes(small_detector(num_classes, seed=2))
    detector = load_detector(model, spec, engine="litert-ref")
    _, library = compiled_library(model.read_bytes(), spec, tmp_path, "-O2")
    found = 0
    for image in images(6):
        scores, boxes = (output[0] for output in detector.outputs(image[None]))
        thresholds = spec.postprocess
        expected = select_detections(
            scores,
            boxes,
            thresholds.score_threshold,
            thresholds.nms_iou_threshold,
            thresholds.max_detections,
            thresholds.box_voting_iou,
        )
        records = detect(library, image)
        assert records["box"].tobytes() == expected.boxes.tobytes()
        assert records["score"].tobytes() == expected.scores.tobytes()
        assert records["class_id"].tolist() == expected.class_ids.tolist()
        assert len(detect(library, image, capacity=3)) == min(3, len(expected))
        assert len(detect(library, image, capacity=0)) == 0
        library.put(image)
        np.testing.assert_array_equal(detect(library, None), records)
        found += len(expected)
    assert found > 5


def test_voting_adds_its_file_and_no_other_byte():
    """Without it the files are what they were; with it the arena has room for the sums."""
    content = small_detector()
    plain, voting = (compiled(content, small_spec(box_voting_iou=iou)) for iou in (None, 0.7))
    changed = {name for name, text in plain.sources.items() if voting.sources[name] != text}
    added = set(voting.sources) - set(plain.sources)
    assert added == {"td_box_voting.c", "td_box_voting.h"}
    assert changed <= {"small.c", "small.h", "small_weights.c", "small_weights.h"}
    assert not any("voting" in text for name, text in plain.sources.items() if "small" in name)


class CameraImage(ctypes.Structure):
    """``td_image``."""

    _fields_ = (
        ("pixels", ctypes.c_void_p),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("row_step_bytes", ctypes.c_int32),
        ("format", ctypes.c_int),
    )


@pytest.mark.parametrize(
    ("interpolation", "aspect_ratio"),
    [("nearest", "fit"), ("bilinear", "padding"), ("area", "crop")],
)
def test_camera_image_of_any_size(tmp_path, interpolation, aspect_ratio):
    from tinydet.data.preprocess import boxes_to_image, preprocess

    spec = small_spec(2, interpolation, aspect_ratio)
    _, library = compiled_library(small_detector(), spec, tmp_path, "-O2")
    pixels = np.random.default_rng(1).integers(0, 256, (70, 61, 3), np.uint8)
    camera = CameraImage(pixels.ctypes.data, 70, 61, 61 * 3, 0)
    found = detect(library, camera, what="detect_image")
    expected = detect(library, preprocess(pixels, spec.preprocess))
    assert len(found) > 0
    inside = np.clip(boxes_to_image(expected["box"], (70, 61), spec.preprocess), 0, 1)
    expected = expected[((inside[:, 2:] - inside[:, :2]) > 0).all(axis=1)]
    np.testing.assert_array_equal(found["score"], expected["score"])
    boxes = np.clip(boxes_to_image(expected["box"], (70, 61), spec.preprocess), 0, 1)
    np.testing.assert_allclose(found["box"], boxes, atol=1e-4)
    camera.height = 0
    assert library.function("detect_image", ctypes.c_int)(
        ctypes.byref(camera), library.arena, None, 0
    ) < 0  # fmt: skip


def test_files_of_a_compiled_model(tmp_path):
    model = tmp_path / "model" / "quantized_model.tflite"
    model.parent.mkdir()
    model.write_bytes(small_detector())
    spec = small_spec()
    spec.save(model.with_name("detector.json"))
    files = compile_detector(model, CompileOptions(name="small"))
    files.save(tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    extra = {"plan.json", "arena.png", "detector.json"}
    assert names == set(files.sources) | extra
    assert {"small.c", "small.h", "td_boxes.c", "td_kernels.h", "td_conv.c"} <= names
    assert (tmp_path / "out" / "small.c").read_text(encoding="utf-8") == files.sources["small.c"]
    plan = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert plan["name"] == "small"
    assert plan["arena_bytes"] == files.plan.arena_bytes
    assert f"#define SMALL_ARENA_BYTES {plan['arena_bytes']}\n" in files.sources["small.h"]
    with Image.open(tmp_path / "out" / "arena.png") as picture:
        assert picture.width > 800
    assert files.spec == spec
    assert files.outputs["scores"].shape == (1, 170, 3)
    assert files.anchors.shape == files.outputs["deltas"].shape[1:] == (170, 4)
    assert files.model_sha256 == hashlib.sha256(model.read_bytes()).hexdigest()


def test_compiling_twice_gives_the_same_bytes():
    first, second = (compile_detector(small_detector(), spec=small_spec()) for _ in range(2))
    assert first.sources == second.sources


def test_the_arena_is_not_larger_than_the_tensors_alone_need():
    files = small_compiled()
    plan = plan_record(files.plan)
    assert plan["arena_bytes"] <= 1.1 * plan["lower_bound_bytes"]
    assert plan["arena_bytes"] < 0.75 * plan["whole_tensor_peak_bytes"]


def test_anchors_of_a_grid_take_little_flash():
    files = small_compiled()
    assert ".corners = 0," in files.sources["small.c"]
    assert ".levels = small_levels," in files.sources["small.c"]


def test_the_header_of_a_detector_is_clean_c_plus_plus(tmp_path):
    files = small_compiled()
    headers = {name: text for name, text in files.sources.items() if name.endswith(".h")}
    user = (
        '#include "small.h"\n'
        "alignas(SMALL_ARENA_ALIGNMENT) static uint8_t arena[SMALL_ARENA_BYTES];\n"
        "int main() {\n"
        "    td_detection found[SMALL_MAX_DETECTIONS];\n"
        "    const int count = small_detect(nullptr, arena, found, SMALL_MAX_DETECTIONS);\n"
        "    return count ? small_class_names[found[0].class_id][0] : 0;\n"
        "}\n"
    )
    flags = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic", "-c")
    compiler = (*ZIG_CC[:-1], "c++")
    compile_files({**headers, "user.cpp": user}, tmp_path, *flags, compiler=compiler, output="u.o")


@pytest.mark.parametrize("compiler", [ZIG_CC, ("gcc",)], ids=["clang", "gcc"])
def test_no_function_of_a_library_is_called(tmp_path, compiler):
    """When all files are linked, nothing is left open that a C library would have to give."""
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"no {compiler[0]} here")
    files = small_compiled()
    flags = (*STRICT, "-O2", "-ffreestanding", "-nostdlib", "-r")
    merged = compile_files(files.sources, tmp_path, *flags, compiler=compiler, output="all.o")
    elf = pytest.importorskip("elftools.elf.elffile")
    with merged.open("rb") as stream:
        symbols = elf.ELFFile(stream).get_section_by_name(".symtab").iter_symbols()
        undefined = {s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF" and s.name}
    assert undefined <= {"_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}


def test_a_specification_of_another_model_is_refused():
    with pytest.raises(CompilerError, match=r"detector\.json that belongs to the model"):
        small_compiled(spec=small_spec(3))


def test_anchors_that_do_not_fit_the_recipe_are_refused():
    spec = small_spec().model_copy(
        update={"anchors": small_spec().anchors.model_copy(update={"aspect_ratios": (1.0,)})}
    )
    with pytest.raises(ModelFileError, match="170 anchors"):
        small_compiled(small_detector(tail="two"), spec)


def test_a_missing_file_and_a_bad_name_are_told(tmp_path):
    with pytest.raises(ModelFileError, match="cannot be read"):
        compile_detector(tmp_path / "none.tflite")
    with pytest.raises(UnsupportedError, match="Choose another name"):
        small_compiled(name="no-name")


def test_an_int8_input_is_given_pixels(tmp_path):
    content = small_detector(seed=5, image_dtype="int8")
    files, library = compiled_library(content, small_spec(), tmp_path, "-O2")
    assert "uint8_t *small_input(void *arena);" in files.sources["small.h"]
    assert "td_conv_u8(" in files.sources["small.c"]
    reference = Reference(content)
    for image in images(2):
        reference.run((image.astype(np.int16) - 128).astype(np.int8))
        library.trace(image)
        for what, tensor in files.model.outputs():
            np.testing.assert_array_equal(library.output(what, tensor), reference[tensor.name])


def test_a_rescaling_that_the_model_was_not_made_for_is_refused():
    spec = small_spec()
    other = spec.preprocess.model_copy(update={"scale": 1 / 255, "offset": 0.0})
    with pytest.raises(ModelFileError, match="Correct the rescaling"):
        small_compiled(spec=spec.model_copy(update={"preprocess": other}))


@pytest.mark.slow
@pytest.mark.parametrize("granularity", ["per_channel", "per_tensor"])
def test_a_real_detector_equals_the_reference(tmp_path, granularity):
    """The bundled detector, and random weights with one scale per tensor."""
    from tests.compiler.real_detector import per_tensor_detector, shipped_detector

    per_channel = granularity == "per_channel"
    model, spec = shipped_detector() if per_channel else per_tensor_detector(tmp_path)
    files = compile_detector(model, CompileOptions(name="small"), spec=spec)
    plan = plan_record(files.plan)
    assert plan["arena_bytes"] <= plan["whole_tensor_peak_bytes"]
    reference = Reference(Path(model).read_bytes())
    whole = compiled(Path(model).read_bytes(), spec, remove_channels=False)
    for variant, folder in ((files, tmp_path / "lean"), (whole, tmp_path / "whole")):
        folder.mkdir()
        library = GeneratedLibrary(variant.model, variant.sources, folder, "-O2")
        rng = np.random.default_rng(5)
        for _ in range(2):
            image = rng.integers(0, 256, (*spec.input_size, 3), np.uint8)
            compared = assert_steps_equal_the_reference(variant, library, reference, image)
            assert compared > 20
            for what, tensor in variant.model.outputs():
                found = library.output(what, tensor)
                np.testing.assert_array_equal(found, reference[tensor.name])
    assert compared == len(whole.model.graph.ops)
