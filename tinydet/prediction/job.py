"""The work of a prediction: read, detect, draw, write, one image or frame after the other."""

import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from tinydet.config.detector_spec import PostprocessSpec
from tinydet.config.files import make_folder
from tinydet.data.images import ImageArray, read_image
from tinydet.drawing import save_image
from tinydet.errors import DataError, OutputError
from tinydet.inference import Detector, detect
from tinydet.look_ahead import in_order
from tinydet.prediction.outputs import Prediction, drawn_names, open_records, open_video
from tinydet.prediction.sources import (
    FrameStream,
    ImageFiles,
    frame_count,
    frame_rate,
    open_stream,
    read_frames,
)

MOST_WORKERS = 8
IMAGES_AHEAD_PER_WORKER = 2  # hides the reading without filling the memory
MISSING_FRAMES_SHARE = 0.02  # containers miscount by some frames

Stream = Generator[Prediction | None, None, None]  # None: an image that could not be read


@dataclass(frozen=True)
class Job:
    """One prediction.

    Attributes:
        detector: The model.
        postprocess: Thresholds.
        output: Folder for the results; None writes nothing.
        draw: Whether to write drawn pictures.
        unreadable: Takes what could not be read, as ``"path: what is wrong"``.
    """

    detector: Detector
    postprocess: PostprocessSpec
    output: Path | None
    draw: bool
    unreadable: list[str]

    def on_files(self, files: ImageFiles) -> Stream:
        """Predict on image files, several at a time, in their order."""
        files = self._without_own_results(files)
        targets: Sequence[Path | None] = [None] * len(files.paths)
        if self.output is not None:
            if self.draw:
                names = drawn_names(files.paths, files.root)
                drawn = [self.output / name for name in names]
                _refuse_overwriting(files.paths, drawn)
                targets = drawn
            make_folder(self.output)
        is_any_read = False
        tasks = list(zip(files.paths, targets, strict=True))
        with open_records(self.output) as write:
            for outcome in self._in_order(tasks):
                if isinstance(outcome, Prediction):
                    is_any_read = True
                    write(outcome.to_record(self.detector.spec.class_names))
                    yield outcome
                    continue
                if files.is_single:
                    raise outcome
                self.unreadable.append(str(outcome))
                yield None
            if not is_any_read:
                found = f"none of its {len(tasks)} images can be read"
                first = f"The first: {self.unreadable[0]}"
                raise DataError(files.root, found, first)

    def on_frames(self, stream: FrameStream, max_frames: int | None) -> Stream:
        """Predict on the frames of a video or camera, one by one."""
        video: Path | None = None
        if self.output is not None and self.draw:
            video = self.output / f"{stream.path.stem.replace(':', '_')}.mp4"
            _refuse_overwriting([stream.path], [video])
        capture = open_stream(stream)
        try:
            if self.output is not None:
                make_folder(self.output)
            fps = frame_rate(capture)
            with (
                open_records(self.output) as write,
                open_video(video, fps, stream.is_camera) as show,
            ):
                count = 0
                for frame in islice(read_frames(stream, capture), max_frames):
                    prediction = self._on_image(frame, stream.path)
                    prediction = replace(prediction, frame_index=count)
                    count += 1
                    if video is not None:
                        show(self._drawn(frame, prediction))
                    write(prediction.to_record(self.detector.spec.class_names))
                    yield prediction
            if max_frames is None:
                self._note_missing_frames(stream, count, frame_count(capture))
        finally:
            capture.release()

    def _on_image(self, image: ImageArray, path: Path) -> Prediction:
        detections = detect(self.detector, image, self.postprocess)
        return Prediction(path, None, image.shape[0], image.shape[1], detections)

    def _drawn(self, image: ImageArray, prediction: Prediction) -> ImageArray:
        return prediction.detections.plot(image, self.detector.spec.class_names)

    def _on_file(self, task: tuple[Path, Path | None]) -> Prediction | DataError:
        path, target = task
        try:
            image = read_image(path)
        except DataError as error:
            return error
        prediction = self._on_image(image, path)
        if target is not None:
            save_image(target, self._drawn(image, prediction))
        return prediction

    def _in_order(
        self, tasks: Sequence[tuple[Path, Path | None]]
    ) -> Iterator[Prediction | DataError]:
        workers = min(MOST_WORKERS, os.cpu_count() or 1, len(tasks))
        with ThreadPoolExecutor(workers) as pool:
            yield from in_order(pool, self._on_file, tasks, IMAGES_AHEAD_PER_WORKER * workers)

    def _without_own_results(self, files: ImageFiles) -> ImageFiles:
        """Without the drawn images of an earlier prediction into a folder inside the source."""
        if self.output is None or files.is_single:
            return files
        output = self.output.resolve()
        if files.root.resolve() not in output.parents:
            return files
        paths = tuple(path for path in files.paths if output not in path.resolve().parents)
        if not paths:
            found = f"contains no image outside the output folder {self.output}"
            raise DataError(files.root, found, "Give a folder with images.")
        return replace(files, paths=paths)

    def _note_missing_frames(self, stream: FrameStream, count: int, stated: int | None) -> None:
        if stream.is_camera:
            self.unreadable.append(f"{stream.path}: stopped after {count} frames")
        elif stated is not None and stated - count > max(2, MISSING_FRAMES_SHARE * stated):
            self.unreadable.append(f"{stream.path}: only {count} of {stated} frames could be read")


def _refuse_overwriting(sources: Sequence[Path], targets: Sequence[Path]) -> None:
    originals = {path.resolve() for path in sources}
    for target in targets:
        if target.resolve() in originals:
            found = "is one of the images or videos to predict on"
            raise OutputError(target, found, "Choose another output folder.")
