"""What a constraint is, which of them a graph breaks, and what they ask about its tensors.

The docstring of a constraint is the user's documentation (``docs/supported_ops.md`` is made of
them): its first paragraph says what is supported, the last one what to do otherwise.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinydet.compiler.ir import OPTIONS_OF_KIND, Graph, Op, Tensor
from tinydet.compiler.ir.shapes import output_shape

FOLDED_KINDS = ("SHAPE", "STRIDED_SLICE", "PACK", "TILE")
CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
WEIGHTED = (*CONVOLUTIONS, "FULLY_CONNECTED")
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
RESIZES = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
UNSCALED = (*POOLS, *RESIZES, "PAD", "RESHAPE", "CONCATENATION")
# They may also be part of the float tail behind the int8 network, which is cut off.
TAIL_KINDS = ("CONCATENATION", "RESHAPE")
INTEGER_KINDS = tuple(
    kind for kind in OPTIONS_OF_KIND if kind not in (*FOLDED_KINDS, "QUANTIZE", "DEQUANTIZE")
)


def all_tensors(graph: Graph, op: Op) -> list[Tensor]:
    """All tensors an op reads and writes."""
    return [graph.tensors[i] for i in (*op.inputs, *op.outputs) if i is not None]


def activations(graph: Graph, op: Op) -> list[Tensor]:
    """The tensors that carry values of the image: no weights, no bias."""
    count = 1 if op.kind in WEIGHTED else len(op.inputs)
    return [graph.tensors[i] for i in (*op.inputs[:count], *op.outputs) if i is not None]


def is_whole(tensor: Tensor) -> bool:
    """Whether a tensor has exactly one scale."""
    return tensor.quantization is not None and len(tensor.quantization.scale) == 1


def is_8_bit(tensor: Tensor) -> bool:
    """Whether a tensor is int8 or uint8 with exactly one scale."""
    return tensor.dtype in ("int8", "uint8") and is_whole(tensor)


MAX_LISTED_PLACES = 3
UNKNOWN_REMEDIES = {
    "CUSTOM TFLite_Detection_PostProcess": "It belongs to the boxes: leave out --raw-outputs.",
    "HARD_SWISH": "Train with relu6.",
    "LEAKY_RELU": "Train with relu6.",
    "PRELU": "Train with relu6.",
    "TRANSPOSE_CONV": "Upsample by a resize and a convolution.",
}
UNKNOWN_REMEDY = "Replace it in the model by supported operators (docs/supported_ops.md)."


@dataclass(frozen=True)
class Finding:
    """Something the compiler cannot translate.

    Attributes:
        kind: Kind of the operator.
        name: Its name.
        found: What is not supported about it, without a full stop.
        remedy: What to change, a full sentence.
    """

    kind: str
    name: str
    found: str
    remedy: str


Check = Callable[[Graph, Op], "str | None"]


@dataclass(frozen=True)
class Constraint:
    """A rule for operators of some kinds.

    Attributes:
        kinds: To which it applies.
        check: What breaks the rule in an op, None where nothing does.
        rule: What is supported, a full sentence.
        remedy: What to change otherwise, a full sentence.
    """

    kinds: tuple[str, ...]
    check: Check
    rule: str
    remedy: str


CONSTRAINTS: list[Constraint] = []


def constraint(*kinds: str) -> Callable[[Check], Check]:
    """Register a function as the constraint of these kinds; its docstring gives the texts."""

    def register(check: Check) -> Check:
        paragraphs = inspect.cleandoc(check.__doc__ or "").split("\n\n")
        rule, remedy = (" ".join(p.split()) for p in (paragraphs[0], paragraphs[-1]))
        CONSTRAINTS.append(Constraint(kinds, check, rule, remedy))
        return check

    return register


def unknown_operator(kind: str, name: str) -> Finding:
    """The finding about an operator that the compiler does not know."""
    return Finding(kind, name, "is not supported", UNKNOWN_REMEDIES.get(kind, UNKNOWN_REMEDY))


def findings_of(graph: Graph) -> list[Finding]:
    """All breaches of constraints in a graph, one per op at most.

    Args:
        graph: Tensors and references must be sound; ops whose shapes contradict each other are
            passed over.
    """
    findings = []
    for op in graph.ops:
        if not _has_sound_shapes(graph, op):
            continue
        for rule in CONSTRAINTS:
            if op.kind not in rule.kinds:
                continue
            found = rule.check(graph, op)
            if found is not None:
                findings.append(Finding(op.kind, op.name, found, rule.remedy))
                break
    return findings


def grouped(findings: Sequence[Finding]) -> list[tuple[str, str, str]]:
    """Findings as ``(place, found, remedy)``; equal ones of many places become one line."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for finding in findings:
        groups.setdefault((finding.kind, finding.found, finding.remedy), []).append(finding.name)
    return [(_places(kind, names), found, fix) for (kind, found, fix), names in groups.items()]


def _places(kind: str, names: Sequence[str]) -> str:
    more = len(names) - MAX_LISTED_PLACES
    suffix = f" and {more} more" if more > 0 else ""
    return f"{kind} at {', '.join(names[:MAX_LISTED_PLACES])}{suffix}"


def _has_sound_shapes(graph: Graph, op: Op) -> bool:
    try:
        return output_shape(graph, op) == graph.output(op).shape
    except ValueError:
        return False
