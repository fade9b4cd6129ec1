"""Networks without boxes: their C gives what the reference kernels give, output by output."""

import json
from dataclasses import replace

import numpy as np
import pytest

import tinydet as package
from tests.command_line import run
from tests.compiler.network_builder import NetworkBuilder
from tests.compiler.tflite_writer import write_tflite
from tinydet.compiler import CompileOptions, compile_network
from tinydet.compiler.ir import Quantization
from tinydet.deployment.raw_network import Reference, with_self_test
from tinydet.errors import TinydetError
from tinydet.targets import CortexMTarget, HostTarget

SIZE = (13, 10)


def two_outputs(input_dtype="int8"):
    """A classifier and a grid on one trunk; the grid is uint8."""
    net = NetworkBuilder(8)
    net.dead_channels = 1
    if input_dtype == "float32":
        image = net.image(*SIZE, channels=2, dtype="int8")
        net.tensors[image] = replace(net.tensors[image], dtype="float32", quantization=None)
        x = net._append("QUANTIZE", (image,), _options(), Quantization((0.02,), (-7,)))
    else:
        x = image = net.image(*SIZE, channels=2, dtype=input_dtype)
        x = net.quantize(image) if input_dtype == "uint8" else x
    x = net.conv(x, 6, (3, 3), stride_height=2, stride_width=1, padding="SAME", activation="RELU6")
    net.dead_channels = 0
    grid = net.softmax(net.conv(x, 3))
    flat = net.reshape(net.pool(x, "AVERAGE_POOL_2D", (7, 10), (7, 10), padding="VALID"), 1, 6)
    classes = net.softmax(net.fully_connected(flat, 5))
    if input_dtype == "float32":
        return net.graph(net.dequantize(classes), grid)
    return net.graph(classes, net.quantize(grid, zero_point=0, dtype="uint8"))


def _options():
    from tinydet.compiler.ir import NoOptions

    return NoOptions()


def saved(graph, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(graph))
    return path


@pytest.mark.parametrize(
    ("input_dtype", "input_mode"),
    [("int8", "image"), ("uint8", "caller"), ("int8", "rows"), ("float32", "image")],
)
def test_no_value_differs_and_the_self_test_knows_it(input_dtype, input_mode, tmp_path):
    path = saved(two_outputs(input_dtype), tmp_path)
    network = with_self_test(
        compile_network(path, CompileOptions(name="raw", input_mode=input_mode))
    )
    program = HostTarget(sanitize=True).build(network, tmp_path / "host")
    compared = Reference(network).compare(program)
    assert compared.differing == 0
    assert compared.values == 4 * (5 + 7 * 10 * 3)
    codes = program.outputs(np.zeros(network.input_shape, network.input.dtype))
    assert {name: code.shape for name, code in codes.items()} == {
        "output_0": (5,),
        "output_1": (7, 10, 3),
    }
    assert program.self_test() == 0
    if input_dtype == "int8" and input_mode == "image":
        first, second = network.self_test_crcs
        wrong = network.with_self_test((first, second ^ 1))
        assert HostTarget().build(wrong, tmp_path / "wrong").self_test() == 2


def test_on_an_emulated_core(tmp_path):
    path = saved(two_outputs(), tmp_path)
    for mode in ("image", "caller"):
        network = with_self_test(compile_network(path, CompileOptions(name="raw", input_mode=mode)))
        folder = tmp_path / mode
        program = CortexMTarget().build(network, folder, '-DTD_SELF_TEST="raw_self_test.h"')
        assert Reference(network).compare(program).differing == 0
        assert program.self_test() == 0


def test_commands_take_raw_networks(tmp_path, capsys):
    path = saved(two_outputs(), tmp_path)
    result = package.compile(path, tmp_path / "c", name="net", raw_outputs=True)
    assert result.comparison.differing == 0
    assert result.function == "net_run"
    assert {"net.c", "net.h", "net_self_test.c", "net_self_test.h"} <= set(result.files)
    assert not (tmp_path / "c" / "detector.json").exists()
    header = (tmp_path / "c" / "net.h").read_text()
    for macro in (
        "NET_INPUT_BYTES 260",
        "NET_OUTPUT_0_BYTES 5",
        "NET_OUTPUT_0_SCALE 0.00390625f",
        "NET_OUTPUT_0_ZERO_POINT (-128)",
        "NET_OUTPUT_1_ZERO_POINT (0)",
    ):
        assert f"#define {macro}\n" in header
    run("benchmark", path, "--raw-outputs", "--output", tmp_path / "b")
    printed = capsys.readouterr().out
    assert "\nboxes " not in printed
    record = json.loads((tmp_path / "b" / "benchmark.json").read_text())
    assert record["total_instructions"] == record["network_instructions"] > 0
    assert record["footprint"]["detections_bytes"] == 0
    assert record["footprint"]["arena_bytes"] == result.arena_bytes
    # The self-test is a file of its own, which only a program that calls it pays for.
    assert record["footprint"]["code_bytes"] == result.footprint.code_bytes


def test_what_is_for_boxes_is_refused(tmp_path):
    path = saved(two_outputs(), tmp_path)
    for words in (
        ["compile", path, "--raw-outputs", "--score", "0.4"],
        ["benchmark", path, "--raw-outputs", "--image", "photo.png"],
        ["benchmark", path, "--raw-outputs", "--board", "STM32MP157F-DK2"],
    ):
        with pytest.raises(TinydetError, match=r"applies only to") as error:
            run(*words)
        assert "\n" not in str(error.value)


def test_networks_that_cannot_be_called_are_refused():
    net = NetworkBuilder(2)
    a, b = net.image(4, 4, dtype="int8"), net.image(4, 4, dtype="int8")
    with pytest.raises(TinydetError, match=r"has 2 inputs"):
        compile_network(write_tflite(net.graph(net.add(a, b))))
    net = NetworkBuilder(2)
    x = net.conv(net.image(4, 4), 3)
    with pytest.raises(TinydetError, match=r"does not depend on the input"):
        compile_network(write_tflite(net.graph(x, net.constant((1, 3)))))


def test_a_limit_below_a_network_without_an_image():
    net = NetworkBuilder(2)
    x = net.reshape(net.image(8, 8, dtype="int8"), 1, 192)
    net.inputs[:] = [x]
    net.ops.clear()
    graph = net.graph(net.fully_connected(net.fully_connected(x, 60), 60))
    with pytest.raises(TinydetError, match=r"smaller network"):
        compile_network(write_tflite(graph), CompileOptions(ram_limit_bytes=64))
