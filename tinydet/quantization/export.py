"""From a network with ranges to the files of an int8 detector."""

import json
import platform
from pathlib import Path
from typing import Any

from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.config.files import atomic_path, write_text_atomically
from tinydet.inference.tflite_file import only_graph, pack_model, parse_model
from tinydet.quantization.contract import verify_quantized
from tinydet.quantization.converter import to_int8
from tinydet.quantization.float_tail import append_float_tail, append_post_processing, order_outputs
from tinydet.quantization.prepared_network import PreparedNetwork
from tinydet.versions import installed_versions

QUANTIZED_MODEL_FILE = "quantized_model.tflite"
RECORD_FILE = "quantization.json"
PACKAGES = ("tinydet", "tensorflow", "keras", "ai-edge-litert", "numpy")


def export_int8(prepared: PreparedNetwork, output_folder: Path) -> Path:
    """Round a network, prove that the file keeps the contract, and write it.

    Args:
        prepared: The network and what it was made from.
        output_folder: Gets ``quantized_model.tflite``, ``detector.json``, ``quantization.json``.

    Returns:
        Path of the ``.tflite``, which appears last, when all checks have passed.

    Raises:
        ModelFileError: The converter rejects the network, or its file breaks the contract.
        OutputError: The folder cannot be written to.
    """
    spec, options, told = prepared.spec, prepared.options, prepared.network.told
    converted = parse_model(to_int8(prepared.network, options, prepared.model_path))
    only_graph(converted, prepared.model_path)
    order_outputs(converted)
    if options.output_type == "float":
        if told is None:
            append_float_tail(converted, prepared.anchors)
        else:
            append_post_processing(converted, told)
    path = output_folder / QUANTIZED_MODEL_FILE
    sample = prepared.images.images_u8[0]
    with atomic_path(path) as temporary:
        temporary.write_bytes(pack_model(converted))
        record = _record(prepared, temporary)
        record["verification"] = verify_quantized(
            temporary, spec, options, sample, path, told or prepared.anchors
        )
        provenance = {**spec.provenance, "quantization": _provenance(record)}
        spec.model_copy(update={"provenance": provenance}).save(output_folder / DETECTOR_FILE)
        write_text_atomically(output_folder / RECORD_FILE, json.dumps(record, indent=2) + "\n")
    return path


def _record(prepared: PreparedNetwork, written: Path) -> dict[str, Any]:
    return {
        "source": str(prepared.model_path),
        "source_size_bytes": prepared.model_path.stat().st_size,
        "size_bytes": written.stat().st_size,
        "options": prepared.options.model_dump(mode="json"),
        **prepared.facts,
        "versions": {"python": platform.python_version(), **installed_versions(PACKAGES)},
    }


def _provenance(record: dict[str, Any]) -> dict[str, Any]:
    return {
        **record["options"],
        "source": record["source"],
        "calibration_images": record["calibration"]["images"],
        "versions": record["versions"],
    }
