"""The generated C against LiteRT's reference kernels: differing values, differing detections.

    python benchmarks/exactness.py IMAGES [--images-per-model 200] [--core-images 2]
    python benchmarks/exactness.py IMAGES --trained NAME MODEL.tflite

The first compares networks of all sizes, the second one model of yours. The networks have random
weights and random batch statistics; half of the images are photos from the folder, half are noise.
Needs TensorFlow (to convert), ziglang and unicorn.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from record import write_result

from tinydet.boxes import select_detections
from tinydet.config.detector_spec import (
    DETECTOR_FILE,
    DetectorSpec,
    PreprocessSpec,
    load_detector_spec,
)
from tinydet.data.image_files import list_images
from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess
from tinydet.deployment.compiling import compiled_detector
from tinydet.inference import load_detector
from tinydet.quantization import QuantizationOptions, quantize

NETWORKS = ((0.35, 192), (0.35, 224), (0.35, 256), (0.35, 416), (1.0, 256))
CLASS_COUNTS = (1, 80)
GRANULARITIES = ("per_channel", "per_tensor")
CORES = ("cortex-m4", "cortex-m7", "cortex-m33")
CALIBRATION_IMAGES = 8
LOW_SCORE = 0.05  # threshold for a trained model: more boxes to compare than a user wants to see
CANDIDATES = 400  # of the first image, at the score threshold that is compiled in
Image = npt.NDArray[np.uint8]


def main() -> None:
    """Compare and write results/exactness.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="folder of photos")
    parser.add_argument("--images-per-model", type=int, default=200)
    parser.add_argument("--core-images", type=int, default=2, help="images on each emulated core")
    parser.add_argument("--trained", nargs=2, metavar=("NAME", "MODEL"), help="compare this model")
    parsed = parser.parse_args()
    if parsed.trained:
        compare_trained(*parsed.trained, parsed)
        return
    command = "python benchmarks/exactness.py IMAGES "
    command += f"--images-per-model {parsed.images_per_model} --core-images {parsed.core_images}"
    photos = list_images(parsed.images)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        networks = itertools.product(NETWORKS, CLASS_COUNTS)
        for number, ((alpha, side), num_classes) in enumerate(networks):
            model, spec = make_model(Path(folder) / str(number), alpha, side, num_classes, number)
            for granularity in GRANULARITIES:
                row = {"alpha": alpha, "input": side, "classes": num_classes}
                row |= {"granularity": granularity}
                tflite = quantize(
                    model,
                    photos[:CALIBRATION_IMAGES],
                    model.parent / granularity,
                    options=QuantizationOptions(granularity=granularity),
                )
                inputs = list(make_inputs(photos, spec.preprocess, parsed.images_per_model))
                spec = with_candidates(tflite, spec, inputs[0])
                row |= compare(tflite, spec, "c", inputs, model.parent / f"{granularity}_c")
                if side == NETWORKS[0][1]:
                    for core in CORES:
                        few = inputs[: parsed.core_images]
                        builds = model.parent / f"{granularity}_{core}"
                        row[core] = compare(tflite, spec, core, few, builds)
                rows.append(row)
                write_result("exactness", command, {"photos": parsed.images.name, "models": rows})


def compare_trained(name: str, model: str, parsed: argparse.Namespace) -> None:
    """Compare one model and write results/exactness_<name>.json."""
    path = Path(model)
    spec = load_detector_spec(path.with_name(DETECTOR_FILE))
    postprocess = spec.postprocess.model_copy(update={"score_threshold": LOW_SCORE})
    spec = spec.model_copy(update={"postprocess": postprocess})
    inputs = list(make_inputs(list_images(parsed.images), spec.preprocess, parsed.images_per_model))
    row: dict[str, Any] = {"alpha": spec.alpha, "input": spec.input_size[0]}
    row |= {"classes": spec.num_classes, "granularity": f"trained, {name}"}
    with tempfile.TemporaryDirectory() as folder:
        row |= compare(path, spec, "c", inputs, Path(folder) / "c")
        for core in CORES:
            few = inputs[: parsed.core_images]
            row[core] = compare(path, spec, core, few, Path(folder) / core)
    command = f"python benchmarks/exactness.py IMAGES --trained {name} MODEL"
    write_result(f"exactness_{name}", command, {"photos": parsed.images.name, "models": [row]})


def make_model(
    folder: Path, alpha: float, side: int, num_classes: int, seed: int
) -> tuple[Path, DetectorSpec]:
    """A float detector whose weights and batch statistics are random, on disk."""
    import keras

    from tinydet.model import build_detector

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = build_detector(side, side, num_classes, alpha=alpha)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    gamma * rng.uniform(0.6, 1.4, gamma.shape),
                    beta + rng.normal(0, 0.3, beta.shape),
                    mean + rng.normal(0, 0.05, mean.shape),
                    variance * rng.uniform(0.5, 1.5, variance.shape),
                ]
            )
    names = tuple(f"class {index}" for index in range(num_classes))
    spec = DetectorSpec(
        class_names=names,
        alpha=alpha,
        preprocess=PreprocessSpec(height=side, width=side),
    )
    folder.mkdir()
    spec.save(folder / DETECTOR_FILE)
    model.save(folder / "model.keras")
    return folder / "model.keras", spec


def with_candidates(tflite: Path, spec: DetectorSpec, image: Image) -> DetectorSpec:
    """A score threshold that some hundred anchors of a random network pass."""
    scores, _ = load_detector(tflite, spec).outputs(image[None])
    threshold = float(np.sort(scores[0, :, 1:], axis=None)[-CANDIDATES])
    postprocess = spec.postprocess.model_copy(update={"score_threshold": threshold})
    return spec.model_copy(update={"postprocess": postprocess})


def make_inputs(photos: list[Path], spec: PreprocessSpec, count: int) -> Iterator[Image]:
    """Photos and noise in turn; half of the noise is coarse, as pictures are."""
    rng = np.random.default_rng(0)
    for index in range(count):
        if index % 2 == 0:
            yield preprocess(read_image(photos[index // 2 % len(photos)]), spec)
        else:
            block = 8 if index % 4 == 1 else 1
            shape = (-(-spec.height // block), -(-spec.width // block), 3)
            noise = rng.integers(0, 256, shape, np.uint8)
            yield noise.repeat(block, 0).repeat(block, 1)[: spec.height, : spec.width]


def compare(
    tflite: Path, spec: DetectorSpec, engine: str, inputs: list[Image], folder: Path
) -> dict[str, Any]:
    """Run both on the same images and count what differs."""
    reference = load_detector(tflite, spec, engine="litert-ref")
    folder.mkdir(parents=True)
    start = time.perf_counter()
    compiled = compiled_detector(tflite, spec, engine, folder)
    compile_seconds = time.perf_counter() - start

    def differences(image: Image) -> tuple[int, int, int, int]:
        scores, boxes = (output[0] for output in reference.outputs(image[None]))
        scores_c, boxes_c = (output[0] for output in compiled.outputs(image[None]))
        values = int((scores != scores_c).sum() + (boxes != boxes_c).sum())
        thresholds = spec.postprocess
        expected = select_detections(
            scores,
            boxes,
            thresholds.score_threshold,
            thresholds.nms_iou_threshold,
            thresholds.max_detections,
            thresholds.box_voting_iou,
        )
        found = compiled.program.detect(image)
        same = (
            np.array_equal(expected.boxes, found.boxes)
            and np.array_equal(expected.scores, found.scores)
            and np.array_equal(expected.class_ids, found.class_ids)
        )
        return scores.size + boxes.size, values, len(expected), 0 if same else 1

    with ThreadPoolExecutor(2 if engine == "c" else 1) as pool:
        counted = np.array(list(pool.map(differences, inputs)))
    values, differing, detections, images_differing = (int(n) for n in counted.sum(axis=0))
    return {
        "images": len(inputs),
        "values": values,
        "differing_values": differing,
        "detections": detections,
        "images_with_differing_detections": images_differing,
        "compile_seconds": round(compile_seconds, 1),
    }


if __name__ == "__main__":
    main()
