"""Networks without boxes: exactness, RAM and instructions of the four networks of MLPerf Tiny.

    python benchmarks/raw_networks.py TINY

TINY is a checkout of https://github.com/mlcommons/tiny, whose int8 networks are read. Half of the
inputs are noise of all codes, half are smooth and of low contrast, so that the last layer does not
only see its ends. Needs ziglang and unicorn.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from record import write_result

from tinydet.compiler import CompiledNetwork, CompileOptions, compile_network
from tinydet.deployment.raw_network import Reference, with_self_test
from tinydet.targets import Builds, CortexMTarget, HostTarget, benchmark
from tinydet.targets.base import CodeArray
from tinydet.targets.footprint import noise

MODELS = Path("benchmark", "training")
TRAINED = "trained_models"
# Name -> file, and KiB of the arena that a submission with TFLite Micro reserves for it:
# mlcommons/tiny_results_v0.7, closed/renesas/code/EK_RA6M4, main_functions.cc (CMSIS-NN).
NETWORKS = {
    "image classification": (f"image_classification/{TRAINED}/pretrainedResnet_quant.tflite", 54),
    "keyword spotting": (f"keyword_spotting/{TRAINED}/kws_ref_model.tflite", 31),
    "visual wake words": (f"visual_wake_words/{TRAINED}/vww_96_int8.tflite", 99),
    "anomaly detection": (f"anomaly_detection/{TRAINED}/ad01_int8.tflite", 3),
}
CORES = ("cortex-m4", "cortex-m7")
INPUTS, CORE_INPUTS = 50, 2


def main() -> None:
    """Measure and write results/raw_networks.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tiny", type=Path, help="checkout of mlcommons/tiny")
    parsed = parser.parse_args()
    rows = []
    for name, (file, reserved_kib) in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            row = measured(parsed.tiny / MODELS / file, Path(folder))
        rows.append({"network": name, "file": file, **row, "tflm_arena_bytes": reserved_kib * 1024})
        print(rows[-1])
    write_result("raw_networks", "python benchmarks/raw_networks.py TINY", {"networks": rows})


def measured(path: Path, folder: Path) -> dict[str, Any]:
    """Exactness here and on the cores; memory and instructions of a network."""
    network = with_self_test(compile_network(path, CompileOptions(name="raw")))
    reference, inputs = Reference(network), list(make_inputs(network))
    host = HostTarget().build(network, folder / "host")
    compared = reference.compare(host, inputs)
    row: dict[str, Any] = {
        "inputs": compared.inputs,
        "values": compared.values,
        "differing_values": compared.differing,
        "self_test": host.self_test(),
        "macs": sum(network.macs.values()),
        "arena_bytes": network.arena_bytes,
    }
    smallest = compile_network(path, CompileOptions(optimize="ram", input_mode="caller"))
    row["smallest_arena_bytes"] = smallest.arena_bytes  # the input stays with the caller
    for core in CORES:
        builds = Builds.of(CortexMTarget(core), network, folder / core)
        counts = benchmark(builds, inputs[0])
        on_core = reference.compare(builds.program, inputs[:CORE_INPUTS])
        row[core] = {
            "instructions": counts.network_instructions,
            "differing_values": on_core.differing,
            "total_ram_bytes": counts.footprint.total_ram_bytes,
            "weights_bytes": counts.footprint.weights_bytes,
            "code_bytes": counts.footprint.code_bytes,
        }
    return row


def make_inputs(network: CompiledNetwork) -> Iterator[CodeArray]:
    """Noise, and in turn a random walk around the zero point."""
    tensor = network.input
    limits = np.iinfo(tensor.dtype)
    for seed in range(INPUTS):
        codes = noise(network, seed)
        if seed % 2:
            steps = np.random.default_rng(seed).normal(0, 3, codes.shape)
            walk = tensor.zero_point + steps.cumsum(axis=0)
            codes = np.clip(np.rint(walk), limits.min, limits.max).astype(codes.dtype)
        yield codes


if __name__ == "__main__":
    main()
