"""Which kind of model a file holds."""

from pathlib import Path


def model_kind(path: Path) -> str:
    """``float keras``, ``int8 tflite`` or ``float tflite``; the suffix where there is no file.

    A ``.tflite`` counts as int8 when most of its weights (the tensors with content, by size) are.
    """
    suffix = path.suffix.lower().lstrip(".")
    if suffix != "tflite":
        return "float keras" if suffix in ("keras", "h5", "hdf5") else suffix
    if not path.is_file():
        return "tflite"
    return "int8 tflite" if _is_quantized(path) else "float tflite"


def _is_quantized(path: Path) -> bool:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    details = Interpreter(model_path=str(path)).get_tensor_details()
    elements = {True: 0, False: 0}
    for tensor in details:
        if tensor["dtype"] in (np.int8, np.uint8, np.float32):
            elements[tensor["dtype"] != np.float32] += int(np.prod(tensor["shape"]))
    return elements[True] > elements[False]
