"""Running a ``.tflite`` network with every inner tensor kept."""

import os
from collections.abc import Callable, Iterable, Iterator

import numpy.typing as npt

from tinydet.native_log import captured_native_log

TensorReader = Callable[[int], npt.NDArray]  # type: ignore[type-arg]  # any type of number
THREADS = 4  # of one image; more do not help networks this small


def run_with_tensors(
    content: bytes,
    inputs: Iterable[npt.NDArray],  # type: ignore[type-arg]
) -> Iterator[TensorReader]:
    """Run a network on one input after the other.

    Args:
        content: Of a ``.tflite`` with one input, float or int8.
        inputs: Of the type and shape of the network's input.

    Yields:
        For each input a function from the number of a tensor to its values, valid until the next
        input is taken.
    """
    with captured_native_log():
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        interpreter = Interpreter(
            model_content=content,
            experimental_preserve_all_tensors=True,
            # A delegate runs many operators as one and keeps nothing of what is between them.
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            num_threads=min(THREADS, os.cpu_count() or 1),
        )
        interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]
    for values in inputs:
        interpreter.set_tensor(place, values)
        interpreter.invoke()
        yield interpreter.get_tensor
