"""Layers of a ``.keras`` file that only one backend can compute."""

import re
import zipfile
from pathlib import Path

from tinydet.errors import ModelFileError

OF_ONE_BACKEND = {
    "FlaxLayer": "jax",
    "JaxLayer": "jax",
    "TFSMLayer": "tensorflow",
    "TorchModuleWrapper": "torch",
}


def refuse_layers_of_others(path: Path, backend: str) -> None:
    """Refuse a ``.keras`` file with a layer that only another backend can compute.

    Args:
        path: The file; where it is none, Keras has more to say about it.
        backend: With which Keras runs.

    Raises:
        ModelFileError: Names the layer and its backend.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            config = archive.read("config.json").decode()
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return
    for layer in sorted(set(re.findall(r'"class_name": *"(\w+)"', config)) & set(OF_ONE_BACKEND)):
        needed = OF_ONE_BACKEND[layer]
        if needed != backend:
            found = f"contains a {layer}, which only {needed} can compute; Keras runs on {backend}"
            raise ModelFileError(path, found, f"Set KERAS_BACKEND={needed} for such a file.")
