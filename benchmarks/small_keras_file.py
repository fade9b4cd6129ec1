"""A ``.keras`` file that is as small as a standard one can be: what any Keras 3 loads."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tinydet.config.files import write_bytes_atomically

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
COMPRESSED_FROM = 2000  # values; a table of chunks takes more than smaller ones save
TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say: the same file from the same weights


def write_small_keras_file(source: Path, destination: Path) -> Path:
    """Write a model with its kernels in 16 bits, compressed, without optimizer and training state.

    Keras casts to the type of the variable on loading, so the loaded model is one of 32 bits.
    Vectors (biases, batch normalization) stay as they are: variances go below what float16 holds.

    Args:
        source: ``.keras`` file.
        destination: ``.keras`` file to write.
    """
    with zipfile.ZipFile(source) as archive:
        config = json.loads(archive.read(CONFIG)) | {"compile_config": {}}
        metadata = {"keras_version": json.loads(archive.read(METADATA))["keras_version"]}
        weights = _small_weights(archive.read(WEIGHTS))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in (
            (METADATA, json.dumps(metadata).encode()),
            (CONFIG, json.dumps(config, separators=(",", ":")).encode()),
            (WEIGHTS, weights),
        ):
            entry = zipfile.ZipInfo(name, TIME)
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
    write_bytes_atomically(destination, content.getvalue())
    return destination


def _compression(values: np.ndarray) -> dict[str, Any]:
    """Bytes of the same place beside each other (exponents are alike), deflated in one piece."""
    if values.size < COMPRESSED_FROM:
        return {}
    return {
        "compression": "gzip",
        "compression_opts": 9,
        "shuffle": True,
        "chunks": values.shape,
    }


def _small_weights(content: bytes) -> bytes:
    result = io.BytesIO()
    with (
        h5py.File(io.BytesIO(content), "r") as weights,
        h5py.File(result, "w") as small,
    ):

        def copy(name: str, item: Any) -> None:
            if "optimizer" in name.split("/"):
                return
            if isinstance(item, h5py.Dataset):
                values = item[()]
                values = values.astype(np.float16) if values.ndim > 1 else values
                made = small.create_dataset(name, data=values, **_compression(values))
            else:
                made = small.require_group(name)
            made.attrs.update(item.attrs)

        weights.visititems(copy)
    return result.getvalue()
