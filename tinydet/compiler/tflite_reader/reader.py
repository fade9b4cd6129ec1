"""From the content of a .tflite file to a verified graph."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinydet.compiler.constraints import Finding, findings_of, grouped, unknown_operator
from tinydet.compiler.ir import (
    BYTES_PER_ELEMENT,
    MAX_RANK,
    Constant,
    Graph,
    Op,
    Quantization,
    Tensor,
    verify,
    without_unused_tensors,
)
from tinydet.compiler.ir.verify import tensor_problems
from tinydet.compiler.tflite_reader.options import KINDS, OperatorContent, UnreadableOptionError
from tinydet.compiler.tflite_reader.unsigned import in_int8, is_unsigned
from tinydet.errors import CompilerError, ModelFileError, UnsupportedOpsError
from tinydet.inference.post_processing import NUM_INPUTS, OPERATOR
from tinydet.tflite_format import schema
from tinydet.tflite_format.flatbuffer import MalformedError, Table, root_table

MAX_INPUTS = 1024  # of one operator; CONCATENATION has the most
MAX_CHANNELS = 2**16  # scales of one tensor
MAX_LISTED_PROBLEMS = 5
MINIMUM_BYTES = 8
POST_PROCESS = f"CUSTOM {OPERATOR}"
REMEDY_DAMAGED = "Copy or convert the file again."
# A table without fields, for operators that state no options.
_EMPTY_TABLE = bytes([8, 0, 0, 0, 4, 0, 4, 0, 4, 0, 0, 0])
_EMPTY = np.zeros(0, np.uint8)


@dataclass(frozen=True)
class PostProcessOperator:
    """The operator TFLite_Detection_PostProcess at the end of a file, as it stands there.

    Attributes:
        anchors: Its third input.
        options: A flexbuffer.
    """

    anchors: Tensor
    options: bytes


def read_tflite(content: bytes, where: object) -> Graph:
    """Read a network.

    The content is not trusted: whatever it is, it is either read or refused, in bounded time and
    memory. Constants are read-only views of ``content``.

    Args:
        content: All bytes of a .tflite file.
        where: Its path, for messages.

    Returns:
        The verified graph; every op is of a known kind and keeps its constraints.

    Raises:
        ModelFileError: This is not a .tflite file, it is damaged, or it contradicts itself.
        UnsupportedOpsError: With all operators that the compiler cannot translate.
    """
    return _read(content, where, cut=False)[0]


def read_detector(content: bytes, where: object) -> tuple[Graph, PostProcessOperator | None]:
    """Read a detector, without the post-processing operator that it may end in.

    Args:
        content: See ``read_tflite``; so are the errors.
        where: See there.

    Returns:
        The graph, with the outputs ``(box codes, class scores)`` where the operator was cut off,
        and the operator.
    """
    return _read(content, where, cut=True)


def _read(content: bytes, where: object, *, cut: bool) -> tuple[Graph, PostProcessOperator | None]:
    if len(content) < MINIMUM_BYTES or content[4:8] != schema.IDENTIFIER:
        raise ModelFileError(where, "is not a .tflite file", "Give a .tflite file.")
    try:
        model = root_table(content)
        count = len(model.tables(schema.MODEL_SUBGRAPHS))
        if count > 1:
            remedy = "Convert a network with one signature and without control flow."
            raise ModelFileError(where, f"has {count} graphs instead of one", remedy)
        reader = _Reader(model, cut=cut)
        graph, findings = reader.read()
    except MalformedError as error:
        raise ModelFileError(where, f"is damaged ({error})", REMEDY_DAMAGED) from None
    # Tensors first, as the constraints rely on them; a type that is not known is a finding.
    known = (tensor for tensor in graph.tensors if tensor.dtype in BYTES_PER_ELEMENT)
    problems = [problem for tensor in known for problem in tensor_problems(tensor)]
    if problems:
        raise _contradiction(where, problems)
    if is_unsigned(graph) and not findings:
        _verify(graph, where)
        graph, findings = in_int8(graph)
    if not findings:
        findings = findings_of(graph)
    if findings:
        raise UnsupportedOpsError(where, grouped(findings))
    _verify(graph, where)
    return graph, reader.post_processing


def _verify(graph: Graph, where: object) -> None:
    try:
        verify(graph)
    except CompilerError as error:
        raise _contradiction(where, error.problems) from None


def _contradiction(where: object, problems: Sequence[str]) -> ModelFileError:
    listed = "; ".join(problems[:MAX_LISTED_PROBLEMS])
    if len(problems) > MAX_LISTED_PROBLEMS:
        listed += f"; and {len(problems) - MAX_LISTED_PROBLEMS} more"
    return ModelFileError(where, f"contradicts itself ({listed})", REMEDY_DAMAGED)


class _Reader:
    """Reads the one graph of a model.

    Args:
        model: Root table.
        cut: Whether a post-processing operator is cut off, else it is a finding.

    Attributes:
        post_processing: What was cut off, after ``read``.

    Raises:
        MalformedError: From every method, where the content breaks the rules of the format.
    """

    def __init__(self, model: Table, *, cut: bool) -> None:
        version = model.integer(schema.MODEL_VERSION, "uint32")
        if version != schema.VERSION:
            raise MalformedError(f"has the schema version {version} instead of {schema.VERSION}")
        graphs = model.tables(schema.MODEL_SUBGRAPHS)
        if len(graphs) != 1:
            raise MalformedError(f"has {len(graphs)} graphs instead of one")
        self._graph = graphs[0]
        self._buffers = [_constant_bytes(t) for t in model.tables(schema.MODEL_BUFFERS)]
        self._kinds = [_operator_kind(t) for t in model.tables(schema.MODEL_OPERATOR_CODES)]
        self._tensors = [self._tensor(t) for t in self._graph.tables(schema.GRAPH_TENSORS)]
        self._findings: list[Finding] = []
        self._used_names: set[str] = set()
        self._repetitions: dict[str, int] = {}
        self._cut = cut
        self._cut_outputs: tuple[int | None, ...] = ()
        self.post_processing: PostProcessOperator | None = None

    def read(self) -> tuple[Graph, list[Finding]]:
        """The graph without the operators it has no form for, and what was found about those."""
        operators = self._graph.tables(schema.GRAPH_OPERATORS)
        ops = [op for op in map(self._operator, operators) if op is not None]
        inputs = self._indices(self._graph, schema.GRAPH_INPUTS)
        outputs = self._cut_outputs or self._indices(self._graph, schema.GRAPH_OUTPUTS)
        if not outputs or not inputs or None in inputs or None in outputs:
            raise MalformedError("has a graph without inputs or outputs")
        graph = Graph(
            tuple(self._tensors),
            tuple(ops),
            tuple(i for i in inputs if i is not None),
            tuple(i for i in outputs if i is not None),
        )
        return without_unused_tensors(graph), self._findings

    def _indices(self, table: Table, slot: int) -> tuple[int | None, ...]:
        indices = table.integers(slot, "int32", MAX_INPUTS)
        for index in indices:
            if not -1 <= index < len(self._tensors):
                raise MalformedError(f"refers to tensor {index} of {len(self._tensors)}")
        return tuple(None if index == -1 else index for index in indices)

    def _tensor(self, table: Table) -> Tensor:
        code = table.integer(schema.TENSOR_TYPE, "int8")
        if not 0 <= code < len(schema.TENSOR_TYPES):
            raise MalformedError(f"has a tensor of the type {code}")
        shape = tuple(table.integers(schema.TENSOR_SHAPE, "int32", MAX_RANK))
        name = table.text(schema.TENSOR_NAME)
        dtype = schema.TENSOR_TYPES[code]
        index = table.integer(schema.TENSOR_BUFFER, "uint32")
        if not 0 <= index < max(len(self._buffers), 1):
            raise MalformedError(f"refers to buffer {index} of {len(self._buffers)}")
        raw = self._buffers[index] if self._buffers else _EMPTY
        data = _constant(raw, shape, dtype, name) if len(raw) else None
        if table.table(schema.TENSOR_SPARSITY) is not None:
            dtype = "sparse"
        return Tensor(name, shape, dtype, _quantization(table, dtype), data)

    def _operator(self, table: Table) -> Op | None:
        """An operator; None where the graph has no form for it (a finding then says so)."""
        code = table.integer(schema.OPERATOR_CODE, "uint32")
        if code >= len(self._kinds):
            raise MalformedError(f"refers to operator code {code} of {len(self._kinds)}")
        kind = self._kinds[code]
        inputs = self._indices(table, schema.OPERATOR_INPUTS)
        outputs = self._indices(table, schema.OPERATOR_OUTPUTS)
        if not outputs or None in outputs:
            raise MalformedError(f"has a {kind} without an output")
        written = tuple(index for index in outputs if index is not None)
        name = self._unique_name(self._tensors[written[0]].name or kind.lower())
        if self._cut and kind == POST_PROCESS:
            self._cut_off(table, inputs)
            return None
        known = KINDS.get(kind)
        if known is None:
            self._findings.append(unknown_operator(kind, name))
            return None
        content = OperatorContent(
            kind,
            self._options(table, known.union_type),
            [None if index is None else self._tensors[index] for index in inputs],
        )
        try:
            options = known.read(content)
        except UnreadableOptionError as error:
            self._findings.append(Finding(kind, name, error.found, error.remedy))
            return None
        return Op(known.kind or kind, name, inputs[: known.tensors], written, options)

    def _cut_off(self, table: Table, inputs: tuple[int | None, ...]) -> None:
        """Note a post-processing operator; what it reads becomes the outputs."""
        anchors = inputs[2] if len(inputs) == NUM_INPUTS else None
        if anchors is None or None in inputs or self.post_processing is not None:
            raise MalformedError(f"has a damaged operator {OPERATOR}")
        raw = table.raw(schema.OPERATOR_CUSTOM_OPTIONS)
        options = b"" if raw is None else raw.tobytes()
        self.post_processing = PostProcessOperator(self._tensors[anchors], options)
        self._cut_outputs = inputs[:2]

    def _options(self, table: Table, union_type: int | None) -> Table:
        found = table.integer(schema.OPERATOR_OPTIONS_TYPE, "uint8")
        options = table.table(schema.OPERATOR_OPTIONS)
        if union_type is None or options is None:
            return root_table(_EMPTY_TABLE)
        if found != union_type:
            raise MalformedError(f"has options of the type {found} instead of {union_type}")
        return options

    def _unique_name(self, name: str) -> str:
        """The name, with a number behind it where another operator has it."""
        unique = name
        while unique in self._used_names:
            self._repetitions[name] = self._repetitions.get(name, 1) + 1
            unique = f"{name}#{self._repetitions[name]}"
        self._used_names.add(unique)
        return unique


def _constant_bytes(table: Table) -> Constant:
    if table.integer(schema.BUFFER_OFFSET, "uint64") > 1:  # 0 and 1 say that it is inside
        raise MalformedError("stores constants outside of the flatbuffer")
    raw = table.raw(schema.BUFFER_DATA)
    return _EMPTY if raw is None else raw


def _operator_kind(table: Table) -> str:
    # Files of before 2020 have the deprecated field alone; it cannot hold codes above 127.
    code = max(
        table.integer(schema.CODE_DEPRECATED_BUILTIN, "int8"),
        table.integer(schema.CODE_BUILTIN, "int32"),
    )
    if not code >= 0:
        raise MalformedError(f"has the operator code {code}")
    kind = schema.OPERATORS[code] if code < len(schema.OPERATORS) else f"BUILTIN_{code}"
    return f"CUSTOM {table.text(schema.CODE_CUSTOM)}" if kind == schema.CUSTOM else kind


def _constant(raw: Constant, shape: tuple[int, ...], dtype: str, name: str) -> Constant | None:
    """A constant as a view of the file; None for types the graph does not know."""
    if dtype not in BYTES_PER_ELEMENT:
        return None
    expected = BYTES_PER_ELEMENT[dtype]
    for dimension in shape:
        expected *= max(dimension, 0)
    if expected != len(raw):
        raise MalformedError(f"has {len(raw)} bytes for {name!r}, which needs {expected}")
    return raw.view(np.dtype(dtype).newbyteorder("<")).reshape(shape)


def _quantization(table: Table, dtype: str) -> Quantization | None:
    content = table.table(schema.TENSOR_QUANTIZATION)
    if content is None or dtype not in ("int8", "uint8", "int16", "int32"):
        return None
    scales = content.numbers(schema.QUANTIZATION_SCALE, "float32", MAX_CHANNELS)
    if not scales:
        return None
    zero_points = content.integers(schema.QUANTIZATION_ZERO_POINT, "int64", MAX_CHANNELS)
    axis = content.integer(schema.QUANTIZATION_AXIS, "int32") if len(scales) > 1 else 0
    return Quantization(tuple(scales), tuple(zero_points or [0] * len(scales)), axis)
