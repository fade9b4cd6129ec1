"""The appended operators give the real numbers of scores and deltas beside the anchors."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from tinydet.inference.tflite_file import (
    BUFFER_ALIGNMENT,
    operator_name,
    pack_model,
    parse_model,
)
from tinydet.quantization.float_tail import append_float_tail, order_outputs

ROWS, NUM_SCORES = 7, 3
LOGITS_CODE, DELTAS_CODE, SCORES_CODE = (0.1, 5), (0.03, -17), (1 / 256, -128)


def int8_head():
    """Softmax over int8 logits; int8 deltas passed through. Outputs: deltas first."""
    model = schema.ModelT(version=3, description=b"head", buffers=[schema.BufferT()])
    model.operatorCodes, model.signatureDefs = [], []
    graph = schema.SubGraphT(tensors=[], operators=[])
    model.subgraphs = [graph]
    codes = {
        b"logits": (NUM_SCORES, LOGITS_CODE),
        b"deltas_in": (4, DELTAS_CODE),
        b"scores": (NUM_SCORES, SCORES_CODE),
        b"deltas": (4, DELTAS_CODE),
    }
    for name, (columns, (scale, zero_point)) in codes.items():
        graph.tensors.append(
            schema.TensorT(
                name=name,
                shape=np.array([1, ROWS, columns], np.int32),
                type=schema.TensorType.INT8,
                quantization=schema.QuantizationParametersT(scale=[scale], zeroPoint=[zero_point]),
            )
        )
    model.buffers.append(schema.BufferT(data=np.frombuffer(np.int32([ROWS, 4]).tobytes(), "u1")))
    shape = np.array([2], np.int32)
    graph.tensors.append(
        schema.TensorT(name=b"shape", shape=shape, type=schema.TensorType.INT32, buffer=1)
    )
    for index, builtin in enumerate(("SOFTMAX", "RESHAPE")):
        value = getattr(schema.BuiltinOperator, builtin)
        model.operatorCodes.append(
            schema.OperatorCodeT(builtinCode=value, deprecatedBuiltinCode=value, version=1)
        )
        graph.operators.append(
            schema.OperatorT(opcodeIndex=index, inputs=[index], outputs=[2 + index])
        )
    model.operatorCodes[0].version = 2
    graph.operators[0].builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
    graph.operators[0].builtinOptions = schema.SoftmaxOptionsT(beta=1.0)
    model.buffers[1].data = np.frombuffer(np.int32([1, ROWS, 4]).tobytes(), np.uint8)
    graph.tensors[4].shape = np.array([3], np.int32)
    graph.operators[1].inputs = [1, 4]
    graph.inputs, graph.outputs = [0, 1], [3, 2]
    return model


def test_joined_output_equals_its_parts():
    rng = np.random.default_rng(2)
    anchors = rng.normal(0, 1, (ROWS, 4)).astype(np.float32)
    model = int8_head()
    order_outputs(model)
    assert model.subgraphs[0].outputs == [2, 3]
    append_float_tail(model, anchors)
    interpreter = Interpreter(model_content=pack_model(model))
    interpreter.allocate_tensors()
    logits, deltas = (
        rng.integers(-128, 128, (1, ROWS, n)).astype(np.int8) for n in (NUM_SCORES, 4)
    )
    for details, values in zip(interpreter.get_input_details(), (logits, deltas), strict=True):
        interpreter.set_tensor(details["index"], values)
    interpreter.invoke()
    (details,) = interpreter.get_output_details()
    joined = interpreter.get_tensor(details["index"])
    assert joined.shape == (1, ROWS, NUM_SCORES + 8)
    assert joined.dtype == np.float32
    exponents = np.exp((logits.astype(float) - LOGITS_CODE[1]) * LOGITS_CODE[0])
    scores = exponents / exponents.sum(-1, keepdims=True)
    np.testing.assert_allclose(joined[..., :NUM_SCORES], scores, atol=1.5 * SCORES_CODE[0])
    real = (deltas.astype(np.float32) - DELTAS_CODE[1]) * np.float32(DELTAS_CODE[0])
    np.testing.assert_allclose(joined[..., NUM_SCORES:-4], real, rtol=1e-6)
    np.testing.assert_array_equal(joined[0, :, -4:], anchors)


def test_written_file_reads_back_equal_with_aligned_buffers():
    model = int8_head()
    append_float_tail(model, np.arange(ROWS * 4, dtype=np.float32).reshape(ROWS, 4))
    content = pack_model(model)
    again = parse_model(content)
    names = [operator_name(again, op) for op in again.subgraphs[0].operators]
    assert names == ["SOFTMAX", "RESHAPE", "DEQUANTIZE", "DEQUANTIZE", "CONCATENATION"]
    assert again.description == b"head"
    data = [bytes(buffer.data) for buffer in again.buffers if buffer.data is not None]
    assert data == [bytes(b.data) for b in model.buffers if b.data is not None]
    raw = schema.Model.GetRootAs(content)
    for index in range(raw.BuffersLength()):
        if not raw.Buffers(index).DataIsNone():
            vector = raw.Buffers(index)._tab.Vector(raw.Buffers(index)._tab.Offset(4))
            assert vector % BUFFER_ALIGNMENT == 0
