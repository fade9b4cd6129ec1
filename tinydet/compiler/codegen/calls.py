"""One operator of the network as calls of kernels: what the emitters of all operators use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tinydet.compiler.codegen.c_text import Struct
from tinydet.compiler.codegen.constants import Constants
from tinydet.compiler.ir import Graph, Op, Tensor, window_padding
from tinydet.compiler.layouts import PlanarRow
from tinydet.compiler.requant import Multiplier, activation_range
from tinydet.errors import CompilerError

Fields = tuple[tuple[str, int | str], ...]
Clamp = tuple[int, int]  # lowest and highest output
Options = TypeVar("Options")
IMAGE_RANK = 4
INT16_MAX = 2**15 - 1
_SHORT_KINDS = {
    "CONV_2D": "CONV",
    "DEPTHWISE_CONV_2D": "DEPTHWISE",
    "AVERAGE_POOL_2D": "POOL",
    "MAX_POOL_2D": "POOL",
    "CONCATENATION": "CONCAT",
    "RESIZE_BILINEAR": "RESIZE",
    "RESIZE_NEAREST_NEIGHBOR": "RESIZE",
}


def step_name(op: Op, step: int) -> str:
    """Name of a step and of its output in C, as ``CONV_4``."""
    return f"{_SHORT_KINDS.get(op.kind, op.kind)}_{step}"


@dataclass(frozen=True)
class KernelCall:
    """``kernel(&parameters, tensors..., scratch, begin, end);``.

    Attributes:
        kernel: Name of the C function.
        parameters: C text of its first argument.
        tensors: Tensor indices, inputs first, the output last.
        span: ``(begin, end)`` of the rows or elements to compute; None where it takes none.
        takes_scratch: It takes scratch memory, of the size that ``kernel_scratch`` gives.
    """

    kernel: str
    parameters: str
    tensors: tuple[int, ...]
    span: tuple[int, int] | None
    takes_scratch: bool = False


@dataclass(frozen=True)
class Site:
    """The operator that is being translated.

    Attributes:
        graph: The network.
        op: The operator.
        step: Its step, which tells its tables from those of others.
        constants: Where its tables go.
        moved: Inputs of a RESHAPE or CONCATENATION that do not lie in the output already.
        layouts: The tensors whose rows are planar.
        rings: Rows that the buffers of tensors hold that are never whole.
        scratch_bytes: Memory that its kernel may work in.
        kept_bytes: The share of it in which it keeps its constants from call to call.
        vectors: Whether convolutions get weights for vectors of sixteen values.
    """

    graph: Graph
    op: Op
    step: int
    constants: Constants
    moved: Sequence[int] = ()
    layouts: Mapping[int, PlanarRow] = field(default_factory=dict)
    rings: Mapping[int, int] = field(default_factory=dict)
    scratch_bytes: int = 0
    kept_bytes: int = 0
    vectors: bool = False

    @property
    def work_bytes(self) -> int:
        """The share of ``scratch_bytes`` that means nothing between calls."""
        return self.scratch_bytes - self.kept_bytes

    def options(self, kind: type[Options]) -> Options:
        """The operator's options, which are of this kind."""
        assert isinstance(self.op.options, kind)
        return self.op.options

    def input(self, position: int = 0) -> Tensor:
        """An input that must be there."""
        return self.graph.required_input(self.op, position)

    def index(self, position: int) -> int:
        """Tensor index of an input that must be there."""
        index = self.op.inputs[position]
        assert index is not None
        return index

    @property
    def output(self) -> Tensor:
        """The one output."""
        return self.graph.output(self.op)

    def sizes(self, *names: str) -> Fields:
        """Fields of an operator on images, by their names."""
        _, input_height, input_width, input_channels = self.input().shape
        _, output_height, output_width, output_channels = self.output.shape
        values = {
            "input_height": input_height,
            "input_width": input_width,
            "input_channels": input_channels,
            "channels": output_channels,
            "output_height": output_height,
            "output_width": output_width,
            "output_channels": output_channels,
        }
        return tuple((name, values[name]) for name in names)

    def ring_fields(self) -> Fields:
        """Rows that the buffers of input and output hold: all, but for rings; else 1."""
        rows = []
        for tensor in (self.index(0), self.op.outputs[0]):
            shape = self.graph.tensors[tensor].shape
            rows.append(self.rings.get(tensor, shape[1] if len(shape) == IMAGE_RANK else 1))
        return (("input_ring", rows[0]), ("output_ring", rows[1]))

    def pads(self) -> Fields:
        """Padding of a window; what it misses at the bottom and right needs no number."""
        top, _, left, _ = window_padding(self.graph, self.op)
        return (("pad_top", top), ("pad_left", left))

    def clamp(self, activation: str) -> Clamp:
        """What an activation leaves of the output's range."""
        output = self.output
        return activation_range(activation, output.scale, output.zero_point, output.dtype)

    def output_fields(self, activation: str) -> Fields:
        """Offset and clamp of the output."""
        low, high = self.clamp(activation)
        return (
            ("output_offset", self.output.zero_point),
            ("output_min", low),
            ("output_max", high),
        )

    def table_name(self, what: str) -> str:
        """Name of a table of this step, as ``weights_12``."""
        return f"{what}_{self.step}"

    def call(
        self,
        kernel: str,
        struct: Struct | str,
        span: tuple[int, int] | None = None,
        *,
        inputs: Sequence[int] = (0,),
        takes_scratch: bool = False,
    ) -> KernelCall:
        """A call of a kernel.

        Args:
            kernel: Name of the C function.
            struct: Its parameters, or the name of the table that it takes instead.
            span: Rows or elements; None takes all rows of the output image.
            inputs: Positions of the inputs that it reads.
            takes_scratch: Whether it takes scratch memory.
        """
        if isinstance(struct, Struct):
            name = step_name(self.op, self.step).lower()
            struct = f"&{self.constants.structure(struct, name)}"
        tensors = (*map(self.index, inputs), self.op.outputs[0])
        rows = span or (0, self.output.shape[1])
        return KernelCall(kernel, struct, tensors, rows, takes_scratch)

    def fault(self, found: str) -> CompilerError:
        """An operator that no kernel takes, as an error."""
        return CompilerError([f"{self.op.kind} {self.op.name}: {found}"])

    def limited(self, fields: Fields) -> Fields:
        """The fields, after a check that their numbers fit in the kernel's 16 bits.

        Raises:
            CompilerError: They do not.
        """
        for name, value in fields:
            if isinstance(value, int) and abs(value) > INT16_MAX:
                raise self.fault(
                    f"{name} = {value} is beyond {INT16_MAX}. Lower the size of the network."
                )
        return fields


def factor(multiplier: Multiplier) -> str:
    """A ``td_requant`` as C text.

    >>> factor(Multiplier(1073741824, -3))
    '{1073741824, -3}'
    """
    return f"{{{multiplier.multiplier}, {multiplier.shift}}}"


def short_type(tensor: Tensor) -> str:
    """``s8``, ``u8`` or ``f32``, as in the names of kernels; other types have no kernel."""
    return {"int8": "s8", "uint8": "u8", "float32": "f32"}.get(tensor.dtype, tensor.dtype)
