"""The compiled detector on an emulated Cortex-M7: memory, instructions, times.

python benchmarks/embedded.py NAME MODEL.tflite PHOTO
"""

import argparse
import tempfile
import time
from pathlib import Path

from record import write_result

from tinydet.compiler.compile import compile_model
from tinydet.compiler.memory.plan import whole_tensor_peak_bytes
from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess
from tinydet.pipeline.detector_of import spec_for
from tinydet.targets import CortexMTarget, benchmark, measure_footprint
from tinydet.targets.adopt import adopt, count_macs

CORE, KIB = "cortex-m7", 1024


def main() -> None:
    """Measure and write results/embedded_<name>.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="of the result file")
    parser.add_argument("model", type=Path)
    parser.add_argument("photo", type=Path)
    parsed = parser.parse_args()
    spec = spec_for(parsed.model, None)
    image = preprocess(read_image(parsed.photo), spec.preprocess)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        files = compile_model(parsed.model, Path(folder) / "c", name="detector", spec=spec)
        compile_seconds = time.perf_counter() - start
        target = CortexMTarget(CORE)
        program = target.build(adopt(files), Path(folder) / "build")
        start = time.perf_counter()
        program.detect(image)
        inference_seconds = time.perf_counter() - start
        footprint = measure_footprint(program, [image])
        runs = [benchmark(target, adopt(files), image, Path(folder) / f"run{i}") for i in range(2)]
    macs = sum(count_macs(files.model.graph).values())
    figures = {
        "core": CORE,
        "compile_seconds": round(compile_seconds, 1),
        "emulated_inference_seconds": round(inference_seconds, 1),
        "activation_ram_kib": round(footprint.activation_ram_bytes / KIB, 2),
        "whole_tensor_peak_kib": round(whole_tensor_peak_bytes(files.plan.schedule) / KIB, 2),
        "runtime_ram_kib": round(footprint.runtime_ram_bytes / KIB, 2),
        "stack_bytes": footprint.stack_bytes,
        "weights_flash_kib": round(footprint.weights_bytes / KIB, 2),
        "code_flash_kib": round(footprint.code_bytes / KIB, 2),
        "macs_after_folding": macs,
        "network_instructions": runs[0].network_instructions,
        "instructions_per_mac": round(runs[0].network_instructions / macs, 2),
        "repeatable": runs[0] == runs[1],
    }
    command = f"python benchmarks/embedded.py {parsed.name} MODEL PHOTO"
    write_result(f"embedded_{parsed.name}", command, figures)


if __name__ == "__main__":
    main()
