"""All passes in their order: from what the file says to what is generated."""

from collections.abc import Callable
from dataclasses import replace

from tinydet.compiler.constraints import FOLDED_KINDS, Finding, findings_of, grouped
from tinydet.compiler.ir import Graph, verify
from tinydet.compiler.passes.cleanup import fold_input_type, remove_no_ops
from tinydet.compiler.passes.constant_channels import eliminate_constant_channels
from tinydet.compiler.passes.constant_folding import fold_constants
from tinydet.compiler.passes.detector_head import (
    DetectorHead,
    cut_detector_head,
    cut_post_processed_head,
)
from tinydet.compiler.passes.network_ends import cut_float_ends
from tinydet.compiler.passes.padding import fold_padding
from tinydet.compiler.passes.upsampling import recognise_upsampling
from tinydet.errors import UnsupportedOpsError
from tinydet.inference.post_processing import PostProcessing
from tinydet.progress import stage

Pass = Callable[[Graph], Graph]

FIRST_PASSES: tuple[Pass, ...] = (fold_constants, recognise_upsampling)
INTEGER_PASSES: tuple[Pass, ...] = (fold_padding, fold_input_type, remove_no_ops)
FLOAT_TYPES = ("float32",)


def run_passes(graph: Graph, passes: tuple[Pass, ...]) -> Graph:
    """Apply passes one after the other; the graph is verified after each.

    Raises:
        CompilerError: A pass broke the graph (a bug of ours).
    """
    for transform in passes:
        graph = transform(graph)
        verify(graph)
    return graph


@stage("simplify the network")
def lower(
    graph: Graph,
    where: object,
    operator: PostProcessing | None = None,
    *,
    remove_channels: bool = True,
) -> tuple[Graph, DetectorHead]:
    """Turn a detector as it was read into an integer network with the outputs scores and deltas.

    Args:
        graph: As ``read_tflite`` gives it.
        where: Path of the model, for messages.
        operator: What the post-processing operator is told that was cut off, if any.
        remove_channels: Whether constant channels are eliminated.

    Returns:
        The network, whose outputs are the int8 scores and the int8 deltas, and the head.

    Raises:
        ModelFileError: Its outputs are not those of a detector.
        UnsupportedOpsError: Something is left that cannot be translated: a value that depends on
            the image where it must not, or float32 inside of the network.
    """
    graph = run_passes(graph, FIRST_PASSES)
    if operator is None:
        graph, head = cut_detector_head(graph, where)
    else:
        graph, head = cut_post_processed_head(graph, operator, where)
    graph = _integer_network(graph, where, remove_channels=remove_channels)
    scores, deltas = (graph.tensors[index] for index in graph.outputs)
    return graph, replace(head, scores=scores, deltas=deltas)


def lower_network(graph: Graph, where: object, *, remove_channels: bool = True) -> Graph:
    """Turn any network as it was read into an integer network with the same outputs.

    Args:
        graph: As ``read_tflite`` gives it.
        where: Path of the model, for messages.
        remove_channels: Whether constant channels are eliminated.

    Raises:
        ModelFileError: It has several inputs, or an output that does not depend on the input.
        UnsupportedOpsError: As ``lower``.
    """
    graph = cut_float_ends(run_passes(graph, FIRST_PASSES), where)
    return _integer_network(graph, where, remove_channels=remove_channels)


def _integer_network(graph: Graph, where: object, *, remove_channels: bool) -> Graph:
    verify(graph)
    findings = [*_left_over(graph), *findings_of(graph)]
    if findings:
        raise UnsupportedOpsError(where, grouped(findings))
    passes = INTEGER_PASSES
    if remove_channels:
        passes = (*passes, eliminate_constant_channels)
    return run_passes(graph, passes)


def _left_over(graph: Graph) -> list[Finding]:
    """Ops that no kernel can compute: those that should have been folded, and float ones."""
    findings = []
    for op in graph.ops:
        tensors = [graph.tensors[i] for i in (*op.inputs, *op.outputs) if i is not None]
        if op.kind in FOLDED_KINDS:
            findings.append(
                Finding(
                    op.kind,
                    op.name,
                    "depends on the image or is too large to be computed beforehand",
                    "Convert the model with fixed input dimensions.",
                )
            )
        elif any(tensor.dtype in FLOAT_TYPES for tensor in tensors):
            findings.append(
                Finding(
                    op.kind,
                    op.name,
                    "float32 inside of the network",
                    "Quantize the whole model to int8 (tinydet quantize).",
                )
            )
    return findings
