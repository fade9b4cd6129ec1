"""One operator of the network as calls of kernels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tinydet.compiler.codegen.c_text import Struct
from tinydet.compiler.codegen.constants import Constants
from tinydet.compiler.ir import Graph, Op, Tensor
from tinydet.compiler.layouts import PlanarRow
from tinydet.compiler.requant import Multiplier
from tinydet.errors import CompilerError

IMAGE_RANK = 4


@dataclass(frozen=True)
class KernelCall:
    """``kernel(&parameters, tensors..., scratch, begin, end);``.

    Attributes:
        kernel: Name of the C function.
        parameters: Its constant structure, or the name of the table it takes instead.
        tensors: Tensor indices, inputs first, the output last.
        span: ``(begin, end)`` of the rows or elements to compute; None where it takes none.
        takes_scratch: It takes scratch memory, of the size that ``kernel_scratch`` gives.
    """

    kernel: str
    parameters: Struct | str
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
        moved: Inputs of a RESHAPE or CONCATENATION that do not lie in the output already:
            position, and first byte in the output, None where inputs are interleaved.
        layouts: The tensors whose rows are planar.
        rings: Rows that the buffers of tensors hold that are never whole.
    """

    graph: Graph
    op: Op
    step: int
    constants: Constants
    moved: Sequence[tuple[int, int | None]] = ()
    layouts: Mapping[int, PlanarRow] = field(default_factory=dict)
    rings: Mapping[int, int] = field(default_factory=dict)

    def input(self, position: int = 0) -> Tensor:
        """An input that must be there."""
        return self.graph.required_input(self.op, position)

    @property
    def output(self) -> Tensor:
        """The one output."""
        return self.graph.output(self.op)

    def tensors(self, *positions: int) -> tuple[int, ...]:
        """Indices of the inputs at these positions, then of the output."""
        inputs = [self.op.inputs[p] for p in positions]
        return (*(i for i in inputs if i is not None), self.op.outputs[0])

    def planar_row(self, tensor: int) -> PlanarRow | None:
        """Layout of a tensor with planar rows; None for one with interleaved rows."""
        return self.layouts.get(tensor)

    def ring_rows(self, tensor: int | None) -> int:
        """Rows that the buffer of an image holds: all, but for rings; 1 for what has no rows."""
        if tensor is None:
            return 1
        shape = self.graph.tensors[tensor].shape
        return self.rings.get(tensor, shape[1] if len(shape) == IMAGE_RANK else 1)

    def table_name(self, what: str) -> str:
        """Name of a table of this step, as ``weights_12``."""
        return f"{what}_{self.step}"

    def fault(self, found: str) -> CompilerError:
        """An operator that no kernel takes, as an error."""
        return CompilerError([f"{self.op.kind} {self.op.name}: {found}"])

    def limited(self, struct: Struct, limit: int = 2**15 - 1) -> Struct:
        """The structure, after a check that its numbers fit in the kernel's 16 bits.

        Raises:
            CompilerError: They do not.
        """
        for name, value in struct.fields:
            if isinstance(value, int) and abs(value) > limit:
                raise self.fault(
                    f"{name} = {value} is beyond {limit}. Lower the size of the network."
                )
        return struct


def factor(multiplier: Multiplier) -> str:
    """A ``td_requant`` as C text.

    >>> factor(Multiplier(1073741824, -3))
    '{1073741824, -3}'
    """
    return f"{{{multiplier.multiplier}, {multiplier.shift}}}"


def short_type(tensor: Tensor) -> str:
    """``s8``, ``u8`` or ``f32``, as in the names of kernels; other types have no kernel."""
    return {"int8": "s8", "uint8": "u8", "float32": "f32"}.get(tensor.dtype, tensor.dtype)


def rows(tensor: Tensor) -> int:
    """How often the last dimension is repeated."""
    return tensor.num_elements // (tensor.shape[-1] if tensor.shape else 1)
