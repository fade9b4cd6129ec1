"""Images a second of ``tinydet evaluate``: with LiteRT, and through the generated C.

    python benchmarks/evaluation_engines.py person_192 DATA [--rounds 7] [--workers 1 2]

Both engines evaluate the same images in this process, one after the other, round by round, so that
whatever else the machine does meets both; the ratio is the median of those of the rounds. Reading
the files, scaling, the network, selecting the boxes and AP all count, as in the figure that the
command prints.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from record import write_result

from tinydet.data.dataset import Dataset, available_splits, load_dataset
from tinydet.deployment.compiling import compiled_detector
from tinydet.evaluation import EvaluationSettings, evaluate
from tinydet.inference import Detector, load_detector
from tinydet.pipeline.detector_of import spec_for
from tinydet.pretrained import INT8, model_path

Table = Callable[[list[str], list[list[str]]], str]


def main() -> None:
    """Measure and write results/evaluation_engines.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="int8 .tflite file, or a bundled detector by name")
    parser.add_argument("data", type=Path, help="labelled images")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=0, help="of the data set; 0: all")
    parser.add_argument("--workers", type=int, nargs="+", default=[1])
    parsed = parser.parse_args()
    path = model_path(parsed.model, INT8)
    spec = spec_for(path, None)
    split = "val" if "val" in available_splits(parsed.data) else None
    dataset = load_dataset(parsed.data, spec.class_names, split)
    dataset = replace(dataset, samples=dataset.samples[: parsed.images or None])
    with tempfile.TemporaryDirectory() as folder:
        engines = {
            "litert": load_detector(path, spec),
            "c": compiled_detector(path, spec, "c", Path(folder)),
        }
        for engine in engines.values():  # files come into memory, threads find their arenas
            images_per_second(engine, dataset, path, max(parsed.workers))
        rows = [row_of(engines, dataset, path, each, parsed.rounds) for each in parsed.workers]
    write_result(
        "evaluation_engines",
        "python benchmarks/evaluation_engines.py MODEL DATA",
        {"input": list(spec.input_size), "images": len(dataset.samples), "rows": rows},
    )


def row_of(
    engines: dict[str, Detector], dataset: Dataset, path: Path, workers: int, rounds: int
) -> dict[str, float | int]:
    """Medians of all rounds."""
    found: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            found[name].append(images_per_second(engine, dataset, path, workers))
    ratios = [c / litert for c, litert in zip(found["c"], found["litert"], strict=True)]
    row = {
        "workers": workers,
        "rounds": rounds,
        **{f"{name}_images_per_second": round(median(speeds), 1) for name, speeds in found.items()},
        "ratio": round(median(ratios), 3),
    }
    print(row, flush=True)
    return row


def images_per_second(detector: Detector, dataset: Dataset, path: Path, workers: int) -> float:
    """Of one evaluation that writes nothing."""
    settings = EvaluationSettings(workers=workers)
    return evaluate(
        detector, dataset, model_path=path, data_path=path, run_folder=None, settings=settings
    ).images_per_second


def engines_table(figures: dict[str, Any], table: Table) -> str:
    """Images a second of both engines."""
    heads = ["workers", "LiteRT with XNNPACK", "the C", "ratio"]
    rows = [
        [
            str(row["workers"]),
            f"{row['litert_images_per_second']:.0f} images/s",
            f"{row['c_images_per_second']:.0f} images/s",
            f"{row['ratio']:.2f}",
        ]
        for row in figures["rows"]
    ]
    size = "x".join(map(str, figures["input"]))
    return (
        "## Evaluating through the C\n\n"
        + table(heads, rows)
        + f"\n`tinydet evaluate` on {figures['images']} photos, {size}, by turns; reading, "
        "scaling, boxes and AP included. The ratio is the median of those of the rounds.\n"
    )


if __name__ == "__main__":
    main()
