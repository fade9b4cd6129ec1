"""AP of a finished run, float and int8 in both granularities, on its validation set.

    tinydet run --config configs/coco_person_192_a035.yaml hydra.run.dir=RUN
    python benchmarks/accuracy.py coco_person_192_a035 RUN

Also measures how fast the int8 model is evaluated, from JPEG files to AP.
"""

import argparse
import csv
import json
import tempfile
from pathlib import Path
from typing import Any

from record import write_result
from validation_ap import ap_figures, validation_of

from tinydet.config.detector_spec import load_detector_spec
from tinydet.config.loader import load_config
from tinydet.pipeline.datasets import calibration_images
from tinydet.quantization import QuantizationOptions, quantize

GRANULARITIES = ("per_channel", "per_tensor")


def main() -> None:
    """Measure and write results/<name>.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="of the result file")
    parser.add_argument("run", type=Path, help="run folder")
    parsed = parser.parse_args()
    config = load_config(parsed.run / "config.yaml").config
    float_model = parsed.run / "saved_models" / "best_model.keras"
    spec = load_detector_spec(float_model.with_name("detector.json"))
    validation = validation_of(config, spec)
    images = calibration_images(config.dataset)

    def measure(path: Path) -> dict[str, Any]:
        result = validation.result(path)
        return {
            **ap_figures(result),
            "images_per_second": round(result.images_per_second, 1),
            "size_bytes": path.stat().st_size,
        }

    figures: dict[str, Any] = {"images": len(validation.dataset), "float": measure(float_model)}
    with tempfile.TemporaryDirectory() as folder:
        for granularity in GRANULARITIES:
            options = QuantizationOptions(
                granularity=granularity, max_images=config.quantization.max_images or len(images)
            )
            path = quantize(float_model, images, Path(folder) / granularity, options=options)
            figures[f"int8_{granularity}"] = measure(path)
    figures["training"] = _training_facts(parsed.run)
    command = f"python benchmarks/accuracy.py {parsed.name} RUN"
    write_result(parsed.name, command, figures)


def _training_facts(run: Path) -> dict[str, Any]:
    with (run / "logs" / "metrics" / "train_metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    provenance = json.loads((run / "saved_models" / "detector.json").read_text())["provenance"]
    return {
        "epochs": len(rows),
        "minutes": round(sum(float(row["seconds"]) for row in rows) / 60, 1),
        "images": provenance["data"]["training_images"],
        "seed": provenance["seed"],
        "recipe": provenance["recipe"],
    }


if __name__ == "__main__":
    main()
