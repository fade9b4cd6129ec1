"""Whether the parts of a .tflite file refer to parts that are there.

LiteRT takes much of this for granted: a damaged file ends the whole program there.
"""

from tinydet.tflite_format import schema
from tinydet.tflite_format.flatbuffer import MalformedError, Table, root_table

MAX_INDICES = 1024  # inputs or outputs of one operator or graph
MAX_RANK = 8
MAX_ELEMENTS = 2**28  # of one tensor: 1 GiB as float32, far above any detector
BYTES_PER_ELEMENT = {"int8": 1, "uint8": 1, "bool": 1, "int16": 2, "float16": 2}
BYTES_PER_ELEMENT |= {"int32": 4, "uint32": 4, "float32": 4, "int64": 8, "float64": 8}


def check_structure(content: bytes) -> None:
    """Refuse a file whose references or sizes cannot be right.

    Args:
        content: All bytes of a .tflite file.

    Raises:
        MalformedError: It breaks the rules of the format; the message says how.
    """
    model = root_table(content)
    num_codes = len(model.tables(schema.MODEL_OPERATOR_CODES))
    buffers = [_size_bytes(table, len(content)) for table in model.tables(schema.MODEL_BUFFERS)]
    graphs = model.tables(schema.MODEL_SUBGRAPHS)
    if not graphs:
        raise MalformedError("has no graph")
    for graph in graphs:
        _check_graph(graph, num_codes, buffers)


def _check_graph(graph: Table, num_codes: int, buffers: list[int]) -> None:
    tensors = graph.tables(schema.GRAPH_TENSORS)
    for tensor in tensors:
        _check_tensor(tensor, buffers)
    for slot in (schema.GRAPH_INPUTS, schema.GRAPH_OUTPUTS):
        _check_indices(graph, slot, len(tensors), lowest=0)
    for operator in graph.tables(schema.GRAPH_OPERATORS):
        code = operator.integer(schema.OPERATOR_CODE, "uint32")
        if code >= num_codes:
            raise MalformedError(f"refers to operator code {code} of {num_codes}")
        _check_indices(operator, schema.OPERATOR_INPUTS, len(tensors), lowest=-1)
        _check_indices(operator, schema.OPERATOR_OUTPUTS, len(tensors), lowest=0)
        operator.table(schema.OPERATOR_OPTIONS)


def _check_indices(table: Table, slot: int, count: int, lowest: int) -> None:
    for index in table.integers(slot, "int32", MAX_INDICES):
        if not lowest <= index < count:
            raise MalformedError(f"refers to tensor {index} of {count}")


def _check_tensor(tensor: Table, buffers: list[int]) -> None:
    elements = 1
    for side in tensor.integers(schema.TENSOR_SHAPE, "int32", MAX_RANK):
        if side < -1:
            raise MalformedError(f"has a tensor with a side of {side}")
        elements *= abs(side)
    if elements > MAX_ELEMENTS:
        raise MalformedError(f"has a tensor of {elements} elements")
    code = tensor.integer(schema.TENSOR_TYPE, "int8")
    if not 0 <= code < len(schema.TENSOR_TYPES):
        raise MalformedError(f"has a tensor of the type {code}")
    index = tensor.integer(schema.TENSOR_BUFFER, "uint32")
    if index >= max(len(buffers), 1):
        raise MalformedError(f"refers to buffer {index} of {len(buffers)}")
    expected = elements * BYTES_PER_ELEMENT.get(schema.TENSOR_TYPES[code], 0)
    stored = buffers[index] if buffers else 0
    if expected and stored and stored < expected and tensor.table(schema.TENSOR_SPARSITY) is None:
        raise MalformedError(f"has {stored} bytes for a tensor that needs {expected}")


def _size_bytes(buffer: Table, file_bytes: int) -> int:
    """Bytes of a buffer; those of files above 2 GB lie outside of the flatbuffer."""
    offset, size = (buffer.integer(s, "uint64") for s in (schema.BUFFER_OFFSET, schema.BUFFER_SIZE))
    if offset > 1:
        if offset + size > file_bytes:
            raise MalformedError(f"refers to bytes {offset} to {offset + size} of {file_bytes}")
        return size
    raw = buffer.raw(schema.BUFFER_DATA)
    return 0 if raw is None else len(raw)
