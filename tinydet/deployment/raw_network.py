"""A network without boxes: its C beside what LiteRT's reference kernels compute of the file."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinydet.tensor_code import TensorCode

if TYPE_CHECKING:
    from tinydet.compiler import CompiledNetwork
    from tinydet.compiler.ir import Tensor
    from tinydet.targets.base import CodeArray, NetworkProgram

COMPARED_INPUTS = 4  # one of them that of the self-test


@dataclass(frozen=True)
class ReferenceComparison:
    """How often the C differs from LiteRT's reference kernels.

    Attributes:
        inputs: Number of inputs.
        values: Output values of all inputs.
        differing: Those that are not the same.
    """

    inputs: int
    values: int
    differing: int

    def __str__(self) -> str:
        outcome = "no value differs" if not self.differing else f"{self.differing} differ"
        return (
            f"Compared with LiteRT's reference kernels: {self.inputs} inputs, "
            f"{self.values} values, {outcome}"
        )


class Reference:
    """The file of a network, run by LiteRT's reference kernels.

    Args:
        network: What was compiled from the file; the codes of its input and outputs count.

    Raises:
        ModelFileError: LiteRT cannot run the file.
        UnsupportedError: It has no kernel for an operator of it.
    """

    def __init__(self, network: "CompiledNetwork") -> None:
        from tinydet.inference.tflite_detector import runnable_network
        from tinydet.inference.tflite_network import read_content

        path = Path(network.where)
        self._network = network
        self._file = runnable_network(read_content(path), path, engine="litert-ref")

    def outputs(self, codes: "CodeArray") -> "dict[str, CodeArray]":
        """See ``NetworkProgram.outputs``."""
        inputs: Any = codes[None]
        if self._file.input_code.is_float:
            tensor = self._network.input
            code = TensorCode(np.dtype(tensor.dtype), tensor.scale, tensor.zero_point)
            inputs = code.decode(inputs)
        found = self._file.run(inputs)
        pairs = zip(self._network.outputs.items(), found, strict=True)
        return {name: _codes(real[0], tensor) for (name, tensor), real in pairs}

    def self_test_crcs(self) -> tuple[int, ...]:
        """CRC-32 of each output for the input of the self-test in C."""
        return tuple(zlib.crc32(v.tobytes()) for v in self.outputs(self._self_test()).values())

    def compare(
        self, program: "NetworkProgram", inputs: "Sequence[CodeArray]" = ()
    ) -> ReferenceComparison:
        """Run both on the same inputs.

        Args:
            program: The C, where it runs.
            inputs: As ``NetworkProgram.outputs`` takes them; none: that of the self-test and some
                noise.
        """
        from tinydet.targets.footprint import noise

        if not inputs:
            seeds = range(1, COMPARED_INPUTS)
            inputs = [self._self_test(), *(noise(self._network, seed) for seed in seeds)]
        values = differing = 0
        for codes in inputs:
            found = program.outputs(codes)
            for name, expected in self.outputs(codes).items():
                values += expected.size
                differing += int((found[name] != expected).sum())
        return ReferenceComparison(len(inputs), values, differing)

    def _self_test(self) -> "CodeArray":
        from tinydet.compiler.codegen import self_test_input

        return self_test_input(self._network.input_shape, self._network.input.dtype)


def with_self_test(network: "CompiledNetwork") -> "CompiledNetwork":
    """The network with a self-test in C of what the reference kernels compute."""
    return network.with_self_test(Reference(network).self_test_crcs())


def _codes(real: Any, tensor: "Tensor") -> "CodeArray":
    """The codes of real numbers that were decoded from codes."""
    codes = np.rint(np.asarray(real, np.float64) / tensor.scale) + tensor.zero_point
    return codes.astype(tensor.dtype)
