"""Finding scores, box deltas and anchors, and cutting off what turns them to float."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tinydet.compiler.ir import UINT8_SHIFT, ConcatOptions, Graph, Op, Quantization, Tensor
from tinydet.compiler.passes.constant_folding import dequantized
from tinydet.compiler.passes.editing import without_dead_ops
from tinydet.errors import ModelFileError
from tinydet.inference.post_processing import PostProcessing

BOX_COLUMNS = 4
COLUMN_AXIS = 2
PROBABILITIES = ("SOFTMAX", "LOGISTIC")
# What may stand between the probabilities and the output: none of them changes a value.
CARRIERS = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "CONCATENATION")
REMEDY = (
    "Give a detector: int8 scores, box deltas and constant anchors, joined or as separate outputs; "
    "or compile it without boxes (--raw-outputs)."
)


@dataclass(frozen=True, eq=False)
class DetectorHead:
    """What the boxes are made of.

    Attributes:
        scores: int8 ``[1, NA, NC]``, background first; the graph's first output.
        deltas: int8 ``[1, NA, 4]``; the graph's second output.
        anchors: ``[NA, 4]`` as the file states them; None where it states none (then they
            come from the recipe in ``detector.json``).
        background: Scores of an anchor before that of the first class; 0 only in files that end in
            a post-processing operator.
    """

    scores: Tensor
    deltas: Tensor
    anchors: npt.NDArray[np.float32] | None
    background: int = 1

    @property
    def num_anchors(self) -> int:
        """Number of anchors."""
        return self.scores.shape[1]

    @property
    def num_classes(self) -> int:
        """Number of classes, without the background."""
        return self.scores.shape[2] - self.background


def cut_detector_head(graph: Graph, where: object) -> tuple[Graph, DetectorHead]:
    """Find the head and make int8 scores and deltas the outputs of the graph.

    Understood are one joined output ``[scores | deltas | anchors]``, two outputs (scores and
    deltas) and three, in any order. Scores come from a softmax or sigmoid; anchors do not depend on
    the image. Conversions to float or uint8 behind the int8 network are cut off.

    Args:
        graph: After constant folding.
        where: Path of the model, for the message.

    Returns:
        The graph with the outputs ``(scores, deltas)``, and the head.

    Raises:
        ModelFileError: These are not the outputs of a detector.
    """
    parts = _Trace(graph).parts()
    constants = [index for index in parts if graph.tensors[index].data is not None]
    computed = [index for index in parts if graph.tensors[index].data is None]
    readable = all(has_real_values(graph.tensors[index]) for index in constants)
    if len(computed) != 2 or len(constants) > 1 or not readable:
        raise _no_detector(graph, parts, where)
    scores, deltas = _scores_and_deltas(graph, computed, where)
    anchors = _anchors(graph.tensors[constants[0]]) if constants else None
    head = DetectorHead(graph.tensors[scores], graph.tensors[deltas], anchors)
    if not _is_sound(head):
        raise _no_detector(graph, parts, where)
    return without_dead_ops(replace(graph, outputs=(scores, deltas))), head


def cut_post_processed_head(
    graph: Graph, operator: PostProcessing, where: object
) -> tuple[Graph, DetectorHead]:
    """The same where a post-processing operator told which output is which.

    Args:
        graph: After constant folding, with the outputs ``(box codes, class scores)``.
        operator: What it was told.
        where: Path of the model, for the message.

    Raises:
        ModelFileError: The network behind its inputs is not int8, or does not fit it.
    """
    trace = _Trace(graph)
    deltas, scores = (trace.source(index) for index in graph.outputs)
    columns = graph.tensors[scores].shape[-1:] or (0,)
    background = columns[0] - operator.num_classes
    head = DetectorHead(graph.tensors[scores], graph.tensors[deltas], operator.anchors, background)
    computed = all(graph.tensors[index].data is None for index in (scores, deltas))
    if not computed or background not in (0, 1) or not _is_sound(head):
        raise _no_detector(graph, (deltas, scores), where)
    return without_dead_ops(replace(graph, outputs=(scores, deltas))), head


class _Trace:
    """Goes back from the outputs to the int8 tensors behind them."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._producers = graph.producers()

    def producer(self, index: int) -> Op | None:
        position = self._producers.get(index)
        return None if position is None else self._graph.ops[position]

    def parts(self) -> list[int]:
        """The tensors that the outputs consist of, through joins and changes of type."""
        outputs = [self.source(index) for index in self._graph.outputs]
        if len(outputs) == 1:
            op = self.producer(outputs[0])
            if op is not None and _is_join(self._graph, op):
                return [self.source(index) for index in op.inputs if index is not None]
        return outputs

    def source(self, index: int) -> int:
        """The tensor of which this one is a copy in another type."""
        op = self.producer(index)
        while op is not None and _is_copy(self._graph, op):
            index = op.source()
            op = self.producer(index)
        return index

    def is_probability(self, index: int) -> bool:
        """Whether all values come from a softmax or sigmoid."""
        pending, found = [index], False
        for _ in range(len(self._graph.ops) + 1):
            if not pending:
                break
            op = self.producer(pending.pop())
            if op is None or op.kind not in (*CARRIERS, *PROBABILITIES):
                return False
            if op.kind in PROBABILITIES:
                found = True
            else:
                pending += [i for i in op.inputs if i is not None]
        return found and not pending


def _is_join(graph: Graph, op: Op) -> bool:
    return (
        isinstance(op.options, ConcatOptions)
        and op.options.axis == COLUMN_AXIS
        and graph.output(op).dtype == "float32"
    )


def _is_copy(graph: Graph, op: Op) -> bool:
    """Whether an op keeps every real value: to float, or int8 to uint8 by a shift of 128."""
    source, output = graph.required_input(op, 0), graph.output(op)
    if op.kind == "DEQUANTIZE":
        return True
    return (
        op.kind == "QUANTIZE"
        and (source.dtype, output.dtype) == ("int8", "uint8")
        and source.scale == output.scale
        and source.zero_point + UINT8_SHIFT == output.zero_point
    )


def _scores_and_deltas(graph: Graph, computed: Sequence[int], where: object) -> tuple[int, int]:
    trace = _Trace(graph)
    scores = [index for index in computed if trace.is_probability(index)]
    if len(scores) != 1:
        raise ModelFileError(
            where,
            f"{len(scores)} of its outputs come from a softmax or sigmoid instead of one",
            "Convert the model with a softmax over the class scores.",
        )
    deltas = next(index for index in computed if index != scores[0])
    return scores[0], deltas


def has_real_values(tensor: Tensor) -> bool:
    """Whether a tensor holds real numbers, or codes of one scale."""
    whole = tensor.quantization is not None and len(tensor.quantization.scale) == 1
    return tensor.dtype == "float32" or (whole and tensor.dtype in ("int8", "uint8"))


def _anchors(tensor: Tensor) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = dequantized(tensor).astype(np.float32)
    return values.reshape(-1, tensor.shape[-1] if tensor.shape else 1)


def _is_sound(head: DetectorHead) -> bool:
    scores, deltas = head.scores, head.deltas
    return (
        scores.dtype == deltas.dtype == "int8"
        and len(scores.shape) == len(deltas.shape) == COLUMN_AXIS + 1
        and scores.shape[:2] == deltas.shape[:2]
        and scores.shape[0] == 1
        and scores.shape[2] >= 1 + head.background
        and deltas.shape[2] == BOX_COLUMNS
        and all(isinstance(t.quantization, Quantization) for t in (scores, deltas))
        and (head.anchors is None or head.anchors.shape == (scores.shape[1], BOX_COLUMNS))
        and (head.anchors is None or bool(np.isfinite(head.anchors).all()))
    )


def _no_detector(graph: Graph, parts: Sequence[int], where: object) -> ModelFileError:
    def described(index: int) -> str:
        tensor = graph.tensors[index]
        constant = "constant " if tensor.data is not None else ""
        return f"{constant}{tensor.dtype} {'x'.join(map(str, tensor.shape))}"

    listed = ", ".join(described(index) for index in parts)
    return ModelFileError(where, f"its outputs are not those of a detector ({listed})", REMEDY)
