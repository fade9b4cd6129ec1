"""Instructions of one inference on each core, and whether its C gives the numbers of the reference.

    python benchmarks/cores.py IMAGES [--core cortex-m55] [--model person_192] [--photos 24]
    python benchmarks/cores_table.py

Counts a bundled detector on an emulated core, compares its outputs on photos with LiteRT's
reference kernels (BUILTIN_REF), and puts the row into ``results/cores.json`` beside those of other
cores and models. Without ``--core`` all cores are measured, one after the other. Needs ziglang and
unicorn, and qemu-system-arm for cores with Helium.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from record import read_rows, write_result

from tinydet.config.detector_spec import DETECTOR_FILE, load_detector_spec
from tinydet.data.image_files import list_images
from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess
from tinydet.deployment.compiling import compiled_detector
from tinydet.inference import load_detector
from tinydet.pretrained import INT8, model_path

NAME = "cores"
KERNELS = {
    "cortex-m4": "DSP",
    "cortex-m7": "DSP, two at a time",
    "cortex-m33": "DSP",
    "cortex-m55": "Helium",
    "cortex-m85": "Helium",
}
MODELS = ("person_192", "person_256")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="folder of photos")
    parser.add_argument("--core", choices=tuple(KERNELS))
    parser.add_argument("--model", choices=MODELS)
    parser.add_argument("--photos", type=int, default=24)
    parsed = parser.parse_args()
    for core in [parsed.core] if parsed.core else KERNELS:
        for model in [parsed.model] if parsed.model else MODELS:
            keep(measure(core, model, parsed.images, parsed.photos))


def measure(core: str, model: str, images: Path, count: int) -> dict[str, Any]:
    """One row: instructions on noise, differing values on photos."""
    path = model_path(model, INT8)
    spec = load_detector_spec(path.with_name(DETECTOR_FILE))
    reference = load_detector(path, spec, engine="litert-ref")
    photos = list_images(images)[:count]
    with tempfile.TemporaryDirectory() as folder:
        detector = compiled_detector(path, spec, core, Path(folder))
        program: Any = detector.program
        shape = (spec.preprocess.height, spec.preprocess.width, 3)
        noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        instructions = program.measure_run(noise).instructions
        differing = values = 0
        for photo in photos:
            pixels = preprocess(read_image(photo), spec.preprocess)[None]
            for ours, theirs in zip(
                detector.outputs(pixels), reference.outputs(pixels), strict=True
            ):
                differing += int((ours != theirs).sum())
                values += ours.size
        return {
            "core": core,
            "kernels": KERNELS[core],
            "model": model,
            "instructions": instructions,
            "macs": sum(program.network.macs.values()),
            "how": "emulated, counted exactly",
            "photos": len(photos),
            "values": values,
            "differing_values": differing,
        }


def keep(row: dict[str, Any]) -> None:
    """Put a row into the results, in place of an older one of the same core and model."""
    rows = [r for r in read_rows(NAME) if (r["core"], r["model"]) != (row["core"], row["model"])]
    rows = sorted([*rows, row], key=lambda r: (r["model"], r["core"]))
    write_result(NAME, "python benchmarks/cores.py IMAGES", {"rows": rows})


if __name__ == "__main__":
    main()
