"""AP of every way to quantize a finished run, on its validation set.

    python benchmarks/quantization.py coco_person_192_a035 RUN [WAY ...]

Float, and for both granularities: plain, other calibration methods, optimized, and trained on with
roundings. Also how near the training network is to the int8 file it becomes. Rows of ways that are
not named stay as they are in the result file, where they are of the same float model.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import RESULTS, write_result
from validation_ap import ap_figures, validation_of

from tinydet.config.detector_spec import load_detector_spec
from tinydet.config.loader import load_config
from tinydet.pipeline.quantization import calibration_images, quantize_configured
from tinydet.quantization import QuantizationOptions
from tinydet.quantization.agreement import simulation_agreement
from tinydet.quantization.prepared_network import prepare_network

PLAIN = {"quantization_type": "PTQ", "optimize": False, "calibration_method": "minmax"}
WAYS: dict[str, dict[str, Any]] = {  # what differs from plain
    "min-max": {},
    "percentile": {"calibration_method": "percentile"},
    "least squared error": {"calibration_method": "mse"},
    "min-max, optimized": {"optimize": True},
    "percentile, optimized": {"optimize": True, "calibration_method": "percentile"},
    "percentile, QAT": {
        "optimize": True,
        "calibration_method": "percentile",
        "quantization_type": "QAT",
    },
}


def main() -> None:
    """Measure and write results/quantization_<name>.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="of the result file")
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("ways", nargs="*", default=[], help=f"of {', '.join(WAYS)}; none: all")
    parser.add_argument("--max-images", type=int, default=100, help="calibration images")
    parsed = parser.parse_intermixed_args()
    ways = parsed.ways or list(WAYS)
    if not set(ways) <= set(WAYS):
        parser.error(f"ways are {', '.join(WAYS)}")
    config = load_config(parsed.run / "config.yaml").config
    float_model = parsed.run / "saved_models" / "best_model.keras"
    spec = load_detector_spec(float_model.with_name("detector.json"))
    validation = validation_of(config, spec)
    before = ap_figures(validation.result(float_model))
    rows = [row for row in rows_of(parsed.name, before) if row["way"] not in ways]
    with tempfile.TemporaryDirectory() as scratch:
        for granularity in ("per_channel", "per_tensor"):
            for way in ways:
                section = config.quantization.model_copy(
                    update={
                        **PLAIN,
                        **WAYS[way],
                        "granularity": granularity,
                        "max_images": parsed.max_images,
                    }
                )
                settled = config.model_copy(update={"quantization": section})
                folder = Path(scratch) / f"{granularity} {way}"
                start = time.monotonic()
                path = quantize_configured(
                    settled, float_model, spec, (folder, folder / "training"), print
                )
                seconds = round(time.monotonic() - start, 1)
                figures = ap_figures(validation.result(path))
                rows.append({"granularity": granularity, "way": way, "seconds": seconds, **figures})
                print(rows[-1], flush=True)
    options = QuantizationOptions(max_images=parsed.max_images)
    prepared = prepare_network(float_model, calibration_images(config), options, spec)
    figures = {
        "images": len(validation.dataset),
        "calibration_images": parsed.max_images,
        "qat": config.quantization.quantization_aware.model_dump(),
        "float": before,
        "int8": sorted(rows, key=lambda row: (row["granularity"], list(WAYS).index(row["way"]))),
        "simulation": simulation_agreement(prepared, images=16),
        "numpy": np.__version__,
    }
    command = f"python benchmarks/quantization.py {parsed.name} RUN"
    write_result(f"quantization_{parsed.name}", command, figures)


def rows_of(name: str, float_figures: dict[str, Any]) -> list[dict[str, Any]]:
    """What the result file holds of the same float model."""
    path = RESULTS / f"quantization_{name}.json"
    figures = json.loads(path.read_text())["figures"] if path.is_file() else {}
    return figures["int8"] if figures.get("float") == float_figures else []


if __name__ == "__main__":
    main()
