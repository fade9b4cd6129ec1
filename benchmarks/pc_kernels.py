"""Values that differ from LiteRT's reference kernels, for each form of the kernels on a PC.

    PYTHONPATH=. python benchmarks/pc_kernels.py person_192 IMAGES [--images 24]

All kernel sets of the program for x86-64, the portable C, and WebAssembly in V8 (mini-racer) run on
the same photos; all scores and box deltas are compared. Sets that this processor cannot run are
named as such; AVX-VNNI then runs with its one instruction by definition
(tests/compiler/kernels/avx_vnni_stand_in.h).
"""

import argparse
import base64
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from record import write_result

from tests.targets.web.pages import BROWSER_FUNCTIONS
from tinydet.compiler import CompiledDetector, CompileOptions, compile_detector
from tinydet.data.image_files import list_images
from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess
from tinydet.inference import load_detector
from tinydet.pipeline.detector_of import spec_for
from tinydet.pretrained import INT8, model_path
from tinydet.targets.host import LIBRARY_SUFFIX, HostProgram
from tinydet.targets.linux.boards import ARCHITECTURES, linux_board
from tinydet.targets.toolchain import (
    Toolchain,
    model_macros,
    shared_library_flags,
    write_sources,
    zig_cc,
)
from tinydet.targets.web.build import LINK_FLAGS, MACHINE, RELAXED_MACHINE, SMALL_AND_FAST

HERE = Path(__file__).parent / "pc_kernels"
STAND_IN = Path(__file__).parents[1] / "tests/compiler/kernels/avx_vnni_stand_in.h"
X86 = "x86_64"
# What /proc/cpuinfo calls that which a set needs beside its baseline.
NEEDED = {"avx512_vnni": "avx512_vnni", "avx_vnni": "avx_vnni", "avx2": "avx2"}
Network = Callable[[Any], tuple[Any, Any]]


def main() -> None:
    """Compare and write results/pc_kernels.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="int8 .tflite file, or a bundled detector by name")
    parser.add_argument("images", type=Path, help="folder of photos")
    parser.add_argument("--images", type=int, default=24, dest="count")
    parsed = parser.parse_args()
    path = model_path(parsed.model, INT8)
    spec = spec_for(path, None)
    photos = list_images(parsed.images)
    photos = photos[:: max(1, len(photos) // parsed.count)][: parsed.count]
    inputs = [preprocess(read_image(photo), spec.preprocess) for photo in photos]
    reference = load_detector(path, spec, engine="litert-ref")
    expected = [reference.outputs(image[None]) for image in inputs]
    detector = compile_detector(path, CompileOptions(optimize="speed"), spec=spec)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, how, network in networks(detector, Path(folder)):
            differing, values = 0, 0
            for image, wanted in zip(inputs, expected, strict=True):
                found = detector.decode(*(codes[None] for codes in network(image)))
                differing += sum(int((a != b).sum()) for a, b in zip(found, wanted, strict=True))
                values += sum(part.size for part in wanted)
            row = {"kernels": name, "run": how, "images": len(inputs), "values": values}
            rows.append({**row, "differing_values": differing})
            print(rows[-1], flush=True)
    command = f"python benchmarks/pc_kernels.py MODEL IMAGES --images {len(inputs)}"
    write_result("pc_kernels", command, {"input": list(spec.input_size), "rows": rows})


def networks(detector: CompiledDetector, folder: Path) -> list[tuple[str, str, Network]]:
    """Name of each form, how it runs here, and what it computes: codes of scores and deltas."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found: list[tuple[str, str, Network]] = []
    board = linux_board("linux-x86_64")
    architecture = ARCHITECTURES[X86]
    cpus = {each.name: each.compiler_cpu for each in architecture.kernel_sets}
    cpus |= {architecture.baseline: board.compiler_cpu, "portable": board.compiler_cpu}
    for name, cpu in cpus.items():
        options: list[str] = ["-DTD_PORTABLE"] if name == "portable" else []
        how = "here"
        if NEEDED.get(name, "") not in flags:
            how = "not on this processor"
            if name == "avx_vnni":
                cpu, how = "x86_64_v3", "here, the instruction by its definition"
                options = ["-include", str(STAND_IN), "-fno-strict-aliasing"]
        network = on_host(detector, folder / name, cpu, options)
        if how != "not on this processor":
            found.append((name, how, network))
    for name, machine in (("SIMD", MACHINE), ("relaxed SIMD", RELAXED_MACHINE)):
        found.append((f"WebAssembly, {name}", "V8", in_v8(detector, folder / name, machine)))
    return found


def on_host(detector: CompiledDetector, folder: Path, cpu: str, options: list[str]) -> Network:
    """The network as a shared library for a processor."""
    command = zig_cc("-target", "x86_64-linux-gnu", f"-mcpu={cpu}")
    toolchain = Toolchain("zig cc", command, ("-O2", "-fPIC", *options), shared_library_flags())
    sources = write_sources(detector, folder)
    library = folder / f"libnetwork{LIBRARY_SUFFIX}"
    toolchain.build(sources, library, model_macros(detector, folder))
    program = HostProgram(library, detector)

    def run(image: Any) -> tuple[Any, Any]:
        raw = program.run(image)
        return raw.scores, raw.deltas

    return run


def in_v8(detector: CompiledDetector, folder: Path, machine: tuple[str, ...]) -> Network:
    """The network as a WebAssembly module, in the engine of Chromium."""
    from py_mini_racer import MiniRacer

    toolchain = Toolchain("zig cc", zig_cc(*machine), SMALL_AND_FAST, LINK_FLAGS)
    sources = [*write_sources(detector, folder), HERE / "network.c"]
    module = toolchain.build(sources, folder / "network.wasm", model_macros(detector, folder))
    content = base64.b64encode(module.read_bytes()).decode()
    engine = MiniRacer()
    engine.eval(
        f'{BROWSER_FUNCTIONS} const module = new WebAssembly.Module(fromBase64("{content}"));'
        "const { memory, input, run, scores, deltas } = new WebAssembly.Instance(module).exports;"
        "const part = (at, count) => Array.from(new Int8Array(memory.buffer, at, count)).join();"
    )
    shapes = {name: tensor.shape[1:] for name, tensor in detector.outputs.items()}
    counts = {name: int(np.prod(shape)) for name, shape in shapes.items()}

    def run(image: Any) -> tuple[Any, Any]:
        pixels = base64.b64encode(image.tobytes()).decode()
        text = engine.eval(
            f'new Uint8Array(memory.buffer, input(), {image.size}).set(fromBase64("{pixels}"));'
            f"run(); JSON.stringify([part(scores(), {counts['scores']}), "
            f"part(deltas(), {counts['deltas']})])"
        )
        codes = [np.array(part.split(","), np.int8) for part in json.loads(text)]
        return codes[0].reshape(shapes["scores"]), codes[1].reshape(shapes["deltas"])

    return run


if __name__ == "__main__":
    main()
