"""The tests' own interpreter equals LiteRT's reference kernels, operator by operator."""

import numpy as np
import pytest

from tests.compiler.reference_interpreter import run
from tests.compiler.sample_networks import detector, every_operator, image_for
from tests.compiler.tflite_writer import write_tflite
from tinydet.compiler.tflite_reader import read_tflite


def reference_tensors(content, image):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return {
        detail["name"]: interpreter.get_tensor(detail["index"])
        for detail in interpreter.get_tensor_details()
        if detail["name"]
    }


@pytest.mark.parametrize(
    "graph", [every_operator(), detector()[0]], ids=["every operator", "detector"]
)
@pytest.mark.parametrize("seed", range(3))
def test_every_operator_equals_the_reference_kernel(graph, seed):
    """Every tensor that an operator computes has the very numbers of BUILTIN_REF."""
    content = write_tflite(graph)
    graph = read_tflite(content, "m.tflite")
    image = image_for(graph, seed)
    expected = reference_tensors(content, image)
    found = run(graph, image)
    for op in graph.ops:
        name = graph.output(op).name
        np.testing.assert_array_equal(found[op.outputs[0]], expected[name], err_msg=op.name)
