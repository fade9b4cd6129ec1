"""A detector for boards whose NPU or GPU is reached only through their own TensorFlow Lite."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.boxes import Detections
from tinydet.config.detector_spec import DetectorSpec
from tinydet.deployment.deploy import FOLDER_ON_BOARD, BoardRun, told_of_run
from tinydet.errors import UnsupportedError
from tinydet.result import shown_path

if TYPE_CHECKING:
    from tinydet.data.preprocess import ImageArray
    from tinydet.targets.linux import LinuxBoard, Source, SshHost
    from tinydet.targets.linux.runner import RunnerFiles

NAME = "detector"
PER_CHANNEL = (
    "Its weights have a scale for each channel. The NPU of an STM32MP2 wants one for the whole "
    "tensor, and leaves other files to slower units: quantize again with --granularity per_tensor."
)
OTHER_KERNELS = "Kernels of another runtime, and delegates, may round otherwise."


@dataclass(frozen=True, kw_only=True)
class TfliteResult(BoardRun):
    """A detector for the runtime of a board, see ``BoardRun``; ``program`` is ``detector.py``.

    Attributes:
        bytes: Of program, model and settings.
        per_channel: The weights have a scale for each channel.
    """

    bytes: int
    per_channel: bool

    def __str__(self) -> str:
        note = [PER_CHANNEL] if self.per_channel else []
        if self.host is None:
            made = (
                f"For {self.board}: {shown_path(self.program)}, with {NAME}.tflite and {NAME}.json "
                f"beside it ({self.bytes:,} bytes). Copy the three to the board and run "
                f"python3 {NAME}.py, or give --host user@address."
            )
            return "\n".join([made, *note])
        lines = self.lines(*note)
        if self.comparison is not None and self.comparison.different:
            lines.append(OTHER_KERNELS)
        return "\n".join(lines)


def deploy_tflite(
    model: Path,
    spec: DetectorSpec,
    board: "LinuxBoard",
    output: Path,
    *,
    host: "SshHost | None" = None,
    folder: str = FOLDER_ON_BOARD,
    source: "Source | None" = None,
) -> TfliteResult:
    """Ship a ``.tflite`` with what finds its boxes, for the runtime of a Linux board.

    Args:
        model: The file.
        spec: Class names, preprocessing, anchors, thresholds.
        board: The board.
        output: Gets the files and ``results.jsonl``.
        host: How it is reached; None only writes the files.
        folder: On the board; relative: below the home folder.
        source: Images to send, and a delegate; None only copies.

    Raises:
        TinydetError: The model is no detector or selects its boxes itself; the board cannot be
            reached, has another processor, no space, no runtime, ...
    """
    from tinydet.inference.tflite_file import has_scales_per_channel
    from tinydet.targets.linux.runner import deploy_runner

    files = runner_files(model, spec)
    program = str(files.write(output).resolve())
    told: dict[str, Any] = {"board": board.name, "program": program}
    if host is not None:
        done = deploy_runner(files, board, host, folder_on_board=folder, source=source)
        images = source.images if source is not None else ()
        told = told_of_run(done, output, images, lambda: _Prediction(model, spec))
    size = sum(map(len, files.contents.values()))
    return TfliteResult(**told, bytes=size, per_channel=has_scales_per_channel(files.model))


def runner_files(model: Path, spec: DetectorSpec) -> "RunnerFiles":
    """A model with all that its boxes need, as it goes to a board.

    Raises:
        ModelFileError: The file is no detector, or does not fit the specification.
        UnsupportedError: It selects its boxes itself, or has another operator LiteRT lacks.
    """
    from tinydet.inference.tflite_detector import TfliteDetector, load_tflite
    from tinydet.targets.linux.runner import RunnerFiles

    detector = load_tflite(model, spec)
    if not isinstance(detector, TfliteDetector):
        raise UnsupportedError(
            "--runtime tflite",
            f"{model.name}, which ends in an operator that selects its boxes",
            "detectors with scores and box deltas as outputs",
            "Deploy it without --runtime tflite.",
        )
    settings = {
        **spec.postprocess.model_dump(),
        "class_names": list(spec.class_names),
        "preprocess": spec.preprocess.model_dump(),
        "pixel_codes": detector.codes.tolist(),
        "roles": {"scores": detector.roles.scores, "deltas": detector.roles.deltas},
        "anchors": base64.b64encode(detector.anchors.astype("<f4").tobytes()).decode(),
    }
    return RunnerFiles(NAME, detector.network.content, settings)


class _Prediction:
    """What ``tinydet predict`` finds on this machine."""

    def __init__(self, model: Path, spec: DetectorSpec) -> None:
        from tinydet.inference import load_detector

        self._detector, self._thresholds = load_detector(model, spec), spec.postprocess

    def detect_image(self, pixels: "ImageArray") -> Detections:
        """The objects in an image of any size."""
        from tinydet.inference.detection import detect

        return detect(self._detector, pixels, self._thresholds)
