"""Public files of the SSD family: the C beside LiteRT's reference kernels.

    python benchmarks/post_processed.py IMAGES OWNER/REPOSITORY/MODEL.tflite [...]

What the network gives is compared value by value, and what the C finds with what LiteRT's own
operator TFLite_Detection_PostProcess finds (its boxes clipped to the image). A file without that
operator says in MediaPipe's metadata how its boxes are made: there the boxes are those that tinydet
makes in Python of what the reference kernels give. A file is named by the public repository that it
is from, which are the last two folders of its path. Needs ziglang. A second run goes on with the
files that the result lacks.
"""

import argparse
import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from record import read_rows, write_result

from tinydet.boxes import Detections, clip_boxes
from tinydet.compiler import CompileOptions, compile_detector
from tinydet.data.image_files import list_images
from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess
from tinydet.inference import detect, load_detector
from tinydet.inference.post_processing import OPERATOR
from tinydet.inference.tflite_file import parse_model
from tinydet.pipeline.detector_of import spec_for
from tinydet.targets import HostTarget
from tinydet.tensor_code import TensorCode

SCORE_THRESHOLD = 0.02  # more boxes to compare than a user wants to see
Array = npt.NDArray[Any]


def main() -> None:
    """Compare and write results/post_processed.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="folder of photos")
    parser.add_argument("models", type=Path, nargs="+", help="int8 .tflite files")
    parser.add_argument("--images-per-model", type=int, default=50)
    parsed = parser.parse_args()
    photos = list_images(parsed.images)[: parsed.images_per_model]
    rows = read_rows("post_processed", "models")
    for path in parsed.models:
        if name_of(path) in {row["file"] for row in rows}:
            continue
        rows.append(compared(path, photos))
        print(rows[-1])
        write_result(
            "post_processed",
            "python benchmarks/post_processed.py IMAGES OWNER/REPOSITORY/MODEL.tflite ...",
            {"photos": parsed.images.name, "models": rows},
        )


def name_of(path: Path) -> str:
    """``OWNER/REPOSITORY/FILE``."""
    return "/".join(path.absolute().parts[-3:])


class Reference:
    """A file run by LiteRT's reference kernels, its operator included."""

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        model = parse_model(content)
        graph, codes = model.subgraphs[0], model.operatorCodes
        names = [codes[op.opcodeIndex].customCode for op in graph.operators]
        self._found: list[int] = []
        if OPERATOR.encode() in names:
            operator = graph.operators[names.index(OPERATOR.encode())]
            self._codes, self._scores = (int(index) for index in operator.inputs[:2])
            self._found = [int(index) for index in operator.outputs]
        else:
            self._codes, self._scores = (int(index) for index in graph.outputs)
        self._interpreter = Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]

    def run(self, image_u8: Array) -> tuple[Array, Array, Array | None]:
        """Scores and box codes of all anchors; the operator's rows of score, class, clipped box."""
        first_code = np.iinfo(self._input["dtype"]).min
        codes = (image_u8.astype(np.int16) + first_code).astype(self._input["dtype"])
        self._interpreter.set_tensor(self._input["index"], codes[None])
        self._interpreter.invoke()
        tensor = self._interpreter.get_tensor
        if not self._found:
            return self._real(self._scores), self._real(self._codes), None
        boxes, classes, scores, count = (tensor(index)[0] for index in self._found)
        found = np.column_stack([scores, classes, clip_boxes(boxes[:, [1, 0, 3, 2]])])
        found = found[: int(count)]
        kept = found[found[:, 0] >= np.float32(SCORE_THRESHOLD)]
        return self._real(self._scores), self._real(self._codes), kept

    def _real(self, index: int) -> Array:
        """A tensor of the first image as real numbers; a uint8 network has codes there."""
        details = self._interpreter.get_tensor_details()[index]
        scale, zero_point = details["quantization"]
        code = TensorCode(np.dtype(details["dtype"]), scale, zero_point)
        return code.decode(self._interpreter.get_tensor(index)[0])


def compared(path: Path, photos: list[Path]) -> dict[str, Any]:
    """Run both on the same photos and count what differs."""
    spec = spec_for(path, None)
    low = spec.postprocess.model_copy(update={"score_threshold": SCORE_THRESHOLD})
    spec = spec.model_copy(update={"postprocess": low})
    compiled = compile_detector(path, CompileOptions(name="ssd"), spec=spec)
    reference, python = Reference(path), load_detector(path, spec, engine="litert-ref")
    row: dict[str, Any] = {
        "file": name_of(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "arena_bytes": compiled.arena_bytes,
        "macs": sum(compiled.macs.values()),
    }
    values = differing = detections = others = 0
    furthest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        program = HostTarget().build(compiled, Path(folder))
        for photo in photos:
            image = preprocess(read_image(photo), spec.preprocess)
            scores, codes, found = reference.run(image)
            raw = program.run(image)
            values += scores.size + codes.size
            differing += int((compiled.scores.decode(raw.scores) != scores).sum())
            differing += int((compiled.deltas.decode(raw.deltas) != codes).sum())
            ours = program.detect(image)
            rows = _rows(ours)
            if found is None:
                found = _rows(detect(python, image, spec.postprocess))
            detections += len(rows)
            same = rows.shape == found.shape
            distance = float(np.abs(_sorted(rows) - _sorted(found)).max(initial=0)) if same else 1.0
            furthest = max(furthest, distance)
            others += distance > 1e-5
    return row | {
        "images": len(photos),
        "values": values,
        "differing_values": differing,
        "detections": detections,
        "largest_difference": furthest,
        "images_with_other_detections": others,
    }


def _rows(found: Detections) -> Array:
    return np.column_stack([found.scores, found.class_ids, found.boxes])


def _sorted(rows: Array) -> Array:
    """In an order of their own: that of equal scores is not defined."""
    return rows[np.lexsort(rows.round(4).T)]


if __name__ == "__main__":
    main()
