"""Generated C: the same numbers as an interpreter that shares no code with it, and clean text."""

import re
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from tests.compiler import reference_interpreter
from tests.compiler.generated_library import STRICT, ZIG_CC, GeneratedLibrary, compile_files
from tests.compiler.network_builder import NetworkBuilder
from tests.compiler.random_networks import networks
from tests.fuzz_seed import SEED
from tinydet.compiler.codegen import GeneratedModel, generate
from tinydet.compiler.codegen.c_text import array, comment, float32, is_c_name, string
from tinydet.compiler.codegen.elementwise import pair_walk
from tinydet.compiler.codegen.generate import kernel_sources, needed_files
from tinydet.compiler.ir import verify
from tinydet.compiler.memory import PlanRequest, plan_memory
from tinydet.errors import CompilerError, UnsupportedError

GOLDEN = Path(__file__).parent / "golden"


PLANS = [(o, m) for o in ("ram", "balanced", "speed") for m in ("image", "caller", "rows")]
BY_ROWS = PlanRequest(objective="ram", input_mode="rows")


def generated(graph, name="net", request=None, **options):
    verify(graph)
    model = GeneratedModel(plan=plan_memory(graph, request), name=name, **options)
    return model, generate(model).files


def assert_every_step_equals_the_interpreter(graph, folder, images=3, seed=1, request=None):
    """Of all operators; those that only move values tell of them where they lie in the arena."""
    model, files = generated(graph, request=request)
    library = GeneratedLibrary(model, files, folder)
    rng = np.random.default_rng(seed)
    source = graph.tensors[graph.inputs[0]]
    low, high = np.iinfo(source.dtype).min, np.iinfo(source.dtype).max
    for _ in range(images):
        image = rng.integers(low, high, source.shape, source.dtype, endpoint=True)
        expected = reference_interpreter.run(model.graph, image)
        steps = library.trace(image)
        assert set(steps) == {op.name for op in model.graph.ops}
        for op in model.graph.ops:
            found = library.step_values(steps, op)
            np.testing.assert_array_equal(found, expected[op.outputs[0]], op.name)
        for index, (what, tensor) in zip(model.graph.outputs, model.outputs(), strict=True):
            np.testing.assert_array_equal(library.output(what, tensor), expected[index])
    return model


@pytest.mark.parametrize("request_", [None, BY_ROWS], ids=["whole", "rows"])
def test_windows(tmp_path, request_):
    net = NetworkBuilder(3)
    x = net.conv(
        net.image(13, 17), 8, (3, 3), stride_height=2, stride_width=1, padding="SAME",
        activation="RELU6",
    )  # fmt: skip
    x = net.depthwise(x, (3, 2), 2, padding=(1, 0, 2, 1), activation="RELU")
    x = net.conv(x, 6, (2, 3), dilation_height=2, padding="VALID", activation="RELU_N1_TO_1")
    x = net.pool(x, "MAX_POOL_2D", (2, 3), (1, 2), padding="SAME")
    x = net.pool(x, "AVERAGE_POOL_2D", (3, 2), (2, 1), padding="SAME")
    x = net.conv(x, 5, bias=False, scales=1)
    assert_every_step_equals_the_interpreter(
        net.graph(net.fully_connected(x, 7)), tmp_path, request=request_
    )


@pytest.mark.parametrize("request_", [None, BY_ROWS], ids=["whole", "rows"])
def test_elementwise(tmp_path, request_):
    net = NetworkBuilder(4)
    image = net.quantize(net.image(6, 10, 4))
    x = net.conv(image, 4)
    a = net.add(x, image, activation="RELU")
    b = net.add(net.constant((1, 1, 1, 4)), a)
    c = net.mul(b, net.constant((1, 6, 1, 4)), activation="RELU6")
    d = net.relu(net.quantize(c, scale=0.05, zero_point=-7), "RELU6")
    e = net.logistic(d)
    f = net.relu(net.add(d, x), "RELU")
    g = net.quantize(f, scale=0.03, zero_point=101, dtype="uint8")
    assert_every_step_equals_the_interpreter(net.graph(e, g), tmp_path, request=request_)


@pytest.mark.parametrize("request_", [None, BY_ROWS], ids=["whole", "rows"])
def test_layout(tmp_path, request_):
    net = NetworkBuilder(5)
    x = net.conv(net.image(5, 7), 6)
    padded = net.pad(x, (0, 0), (1, 2), (0, 3), (0, 0))
    up = net.resize(padded, 16, 20, half_pixel_centers=True)
    near = net.resize(x, 9, 11, "RESIZE_NEAREST_NEIGHBOR", align_corners=True)
    rows = net.reshape(near, 1, 198, 3)
    joined = net.concat([rows, net.reshape(x, 1, 70, 3)], 1)
    wide = net.concat([x, net.copy_of_codes(net.conv(x, 2), x), x], 3)
    scores = net.softmax(net.reshape(joined, 1, 67, 12), beta=0.7)
    mean = net.mean(up, keep_dims=True)
    assert_every_step_equals_the_interpreter(
        net.graph(scores, wide, mean), tmp_path, request=request_
    )


def test_a_view_whose_source_is_read_later_is_copied_where_it_must_be(tmp_path):
    net = NetworkBuilder(6)
    x = net.conv(net.image(4, 4), 4)
    rows = net.reshape(x, 1, 16, 4)
    scores = net.softmax(rows)
    assert_every_step_equals_the_interpreter(net.graph(scores, net.conv(x, 3)), tmp_path)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_a_part_of_two_joined_tensors_is_copied_to_one_of_them(tmp_path, dtype):
    """It can lie in one of them only; constants have to be copied anyway."""
    net = NetworkBuilder(7)
    x = net.image(2, 3, dtype=dtype)
    if dtype == "uint8":
        x = net.quantize(x)
    part = net.reshape(net.conv(x, 4), 1, 6, 4)
    other = net.copy_of_codes(net.reshape(net.conv(x, 4), 1, 6, 4), part)
    graph = net.graph(net.concat([part, other], 1), net.concat([other, part, part], 1))
    assert_every_step_equals_the_interpreter(graph, tmp_path)
    assert generated(graph)[1]["net.c"].count("td_concat_s8(") == 3


def two_operators():
    net = NetworkBuilder(0)
    x = net.image(4, 6, 2)
    x = net.conv(x, 3, (3, 2), stride_height=2, stride_width=2, padding="SAME", activation="RELU6")
    return net.graph(net.add(x, x))


@pytest.mark.parametrize("file", ["two.c", "two.h", "two_weights.c", "two_weights.h"])
def test_text_of_a_network_of_two_operators(file):
    """The golden files are made of ``two_operators``; a change of the generator shows as a diff."""
    _, files = generated(two_operators(), "two", origin="two_operators.tflite")
    assert files[file] == (GOLDEN / file).read_text(encoding="utf-8")


def test_same_input_gives_the_same_bytes():
    assert generated(two_operators())[1] == generated(two_operators())[1]


def test_equal_tables_are_stored_once():
    net = NetworkBuilder(0)
    x = net.conv(net.image(4, 4), 3)
    graph = net.graph(net.softmax(x), net.softmax(net.copy_of_codes(net.conv(x, 3), x)))
    _, files = generated(graph)
    assert len(re.findall(r"const int32_t exp_\d+\[256\]", files["net_weights.c"])) == 1


def test_the_header_is_clean_c_plus_plus(tmp_path):
    _, files = generated(two_operators(), "two")
    user = (
        '#include "two.h"\n#include "two.h"\n'
        "alignas(TWO_ARENA_ALIGNMENT) static uint8_t arena[TWO_ARENA_BYTES];\n"
        "int main() { two_input(arena)[0] = 1; two_run(arena); return two_output(arena)[0]; }\n"
    )
    headers = {name: text for name, text in files.items() if name.endswith(".h")}
    flags = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic", "-c")
    compile_files({**headers, "user.cpp": user}, tmp_path, *flags, compiler=_cpp(), output="user.o")


def _cpp():
    return (*ZIG_CC[:-1], "c++")


@pytest.mark.parametrize("compiler", [ZIG_CC, ("gcc",)], ids=["clang", "gcc"])
def test_compiles_without_a_warning(tmp_path, compiler):
    """The generated file; the kernels have such a test of their own."""
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"no {compiler[0]} here")
    net = NetworkBuilder(1)
    x = net.conv(net.image(8, 8), 4, (3, 3), padding="SAME")
    x = net.add(net.depthwise(x, padding="SAME"), x)
    graph = net.graph(net.softmax(net.reshape(net.resize(x, 16, 16), 1, 256, 4)))
    _, files = generated(graph)
    headers = {name: text for name, text in files.items() if name.endswith(".h")}
    for file, trace in product(("net.c", "net_weights.c"), ((), ("-DTD_TRACE",))):
        flags = (*STRICT, "-Wpedantic", *trace, "-O2", "-c")
        wanted = {**headers, file: files[file]}
        compile_files(wanted, tmp_path, *flags, compiler=compiler, output="net.o")


@pytest.mark.parametrize("name", ["", "9net", "net-1", "float", "td_net", "a" * 70, "n\u00e9t"])
def test_a_name_that_c_does_not_take_is_refused(name):
    with pytest.raises(UnsupportedError, match="Choose another name"):
        generated(two_operators(), name)


def test_all_operators_without_a_kernel_are_named():
    net = NetworkBuilder(0)
    x = net.conv(net.image(4, 4), 4)
    far = net.mean(x, axes=(1, 3))
    part = net.conv(x, 4)
    graph = net.graph(far, net.concat([x, part], 3))
    with pytest.raises(CompilerError) as caught:
        generated(graph)
    assert [p.split(":")[0].split()[0] for p in caught.value.problems] == ["MEAN", "CONCATENATION"]


def test_names_of_operators_cannot_break_the_text(tmp_path):
    net = NetworkBuilder(0)
    x = net.conv(net.image(4, 4), 3)
    graph = net.graph(net.softmax(x))
    nasty = '*/ ??/ "quoted" \\ \n /* \u00e9; rest'
    ops = tuple(op.__class__(op.kind, nasty + op.name, op.inputs, op.outputs, op.options)
                for op in graph.ops)  # fmt: skip
    graph = graph.with_ops(ops)
    model, files = generated(graph)
    library = GeneratedLibrary(model, files, tmp_path)
    assert list(library.trace(np.zeros((1, 4, 4, 3), np.uint8))) == [op.name for op in ops]


def test_kernels_come_with_all_that_they_include():
    files = needed_files(["td_conv_s8"])
    assert {"td_conv.c", "td_fixed_point.h", "td_kernels.h"} <= set(files)
    assert "td_softmax.c" not in files
    for text in files.values():
        for header in re.findall(r'#include "(.*)"', text):
            assert header in files


def test_every_declared_kernel_has_a_file():
    headers = "\n".join(t for name, t in kernel_sources().items() if name.endswith(".h"))
    declared = re.findall(r"^(?:void|int32_t) (td_\w+)\(", headers, re.MULTILINE)
    assert len(declared) > 20
    for function in declared:
        assert any(name.endswith(".c") for name in needed_files([function]))


@pytest.mark.parametrize(
    "text", ["plain", "a */ b", "/* a", "\u00e9", "a\nb", "??/", "/*/", "*/*/"]
)
def test_a_comment_ends_where_it_should(text):
    written = comment(text)
    assert written.index("*/") == len(written) - 2
    assert written.rindex("/*") == 0
    assert written.isascii()
    assert "\n" not in written


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_exactly(value):
    text = float32(value)
    assert text.endswith("f")
    assert "." in text or "e" in text
    assert np.float32(text[:-1]).tobytes() == np.float32(value).tobytes()


def test_strings_and_arrays():
    assert string('\u00e91"\\?') == '"\\303\\2511\\"\\\\\\?"'
    assert array("static const int8_t", "w", ["-1", "20"]) == (
        "static const int8_t w[2] = {\n    -1,20,\n};\n"
    )
    assert is_c_name("Person_192")


shapes = st.lists(st.tuples(st.integers(1, 4), st.sampled_from("=ab")), min_size=1, max_size=4)


@given(shapes, st.booleans())
@settings(max_examples=60)
def test_walks_read_what_numpy_broadcasts(dimensions, drop):
    a_shape = tuple(1 if kind == "a" else size for size, kind in dimensions)
    b_shape = tuple(1 if kind == "b" else size for size, kind in dimensions)
    if drop and a_shape[0] == 1 and len(a_shape) > 1:
        a_shape = a_shape[1:]
    walk = pair_walk(a_shape, b_shape)
    if walk is None:  # more than three alternations; not with so few dimensions merged
        assert len(dimensions) > 3
        return
    a = np.arange(np.prod(a_shape)).reshape(a_shape)
    b = np.arange(np.prod(b_shape)).reshape(b_shape) * 1000
    y, x, c = np.indices(walk.shape)
    read_a, read_b = (
        flat.ravel()[y * s[0] + x * s[1] + c * s[2]]
        for flat, s in ((a, walk.a_stride), (b, walk.b_stride))
    )
    np.testing.assert_array_equal((read_a + read_b).ravel(), (a + b).ravel())


@pytest.mark.parametrize("objective", ["ram", "balanced", "speed"])
@pytest.mark.parametrize("input_mode", ["image", "caller", "rows"])
def test_random_networks_in_every_plan(tmp_path, objective, input_mode):
    """Residual sums, taps, several readers, odd sizes: see ``random_networks``; others each day."""
    request = PlanRequest(objective=objective, input_mode=input_mode)
    number = 0

    @seed(SEED + PLANS.index((objective, input_mode)))
    @given(graph=networks())
    @settings(max_examples=2, phases=[Phase.generate], deadline=None, database=None)
    def check(graph):
        nonlocal number
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        assert_every_step_equals_the_interpreter(graph, folder, images=2, request=request)

    check()
