"""What a prediction can be made of: image files, a video file, a camera."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tinydet.data.image_files import image_suffixes, is_image_name, list_images
from tinydet.errors import DataError, UnsupportedError

Image = npt.NDArray[np.uint8]
Source = str | Path | int | Sequence[str | Path]

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")
CAMERA_PATTERN = re.compile(r"(?:camera:|/dev/video)?(\d+)")
USUAL_FPS = 25.0  # where a video or camera does not say
HIGHEST_FPS = 1000.0  # some containers state their time base as the frame rate
SUPPORTED = "an image, a folder, a pattern such as 'photos/*.jpg', a video, a camera such as 0"


@dataclass(frozen=True)
class ImageFiles:
    """Image files to predict on.

    Attributes:
        paths: The files, each once.
        root: Folder that holds them all; results keep their places below it.
        is_single: The user named one file, so that failing to read it is an error and no finding.
    """

    paths: tuple[Path, ...]
    root: Path
    is_single: bool


@dataclass(frozen=True)
class FrameStream:
    """A video file or a camera.

    Attributes:
        path: The file; for a camera ``camera:<index>``.
        camera_index: Number of the camera, None for a file.
    """

    path: Path
    camera_index: int | None

    @property
    def is_camera(self) -> bool:
        """Whether the frames come from a camera and have no end."""
        return self.camera_index is not None


def resolve_source(source: Source) -> ImageFiles | FrameStream:
    """Find out what the user named.

    Args:
        source: An image file; a folder (with all folders below it); a pattern with ``*``, ``?``,
            ``[...]`` or ``**``; a list of these; a video file; or a camera: ``0``, ``"0"``,
            ``"camera:0"`` or ``"/dev/video0"``.

    Returns:
        The image files or the stream.

    Raises:
        DataError: Nothing is there, or no image is in it.
        UnsupportedError: A list holds a video or a camera.
    """
    if isinstance(source, (str, Path, int)):
        camera = CAMERA_PATTERN.fullmatch(str(source))
        if camera and not (isinstance(source, Path) and source.is_file()):
            return FrameStream(Path(f"camera:{camera[1]}"), int(camera[1]))
        path = Path(str(source))
        if _is_video_name(path) and path.is_file():
            return FrameStream(path, None)
        paths, root = _image_files(path)
        return ImageFiles(paths, root, path.is_file())
    if not source:
        raise DataError("source", "is an empty list", f"Name {SUPPORTED}.")
    for entry in source:
        if _is_video_name(Path(entry)) or CAMERA_PATTERN.fullmatch(str(entry)):
            remedy = "Predict on one video or camera at a time."
            raise UnsupportedError("source", f"{entry} in a list", "images, folders", remedy)
    found = [_image_files(Path(os.path.abspath(entry))) for entry in source]
    root = Path(os.path.commonpath([folder for _, folder in found]))
    every = dict.fromkeys(path for paths, _ in found for path in paths)
    return ImageFiles(tuple(every), root, len(source) == 1 and Path(source[0]).is_file())


def read_frames(stream: FrameStream, capture: cv2.VideoCapture) -> Iterator[Image]:
    """The frames of an opened stream, ``[H, W, 3]`` uint8 RGB each, until it ends.

    Raises:
        DataError: Not one frame could be read.
    """
    count = 0
    while True:
        is_read, frame_bgr = capture.read()
        if not is_read:
            break
        count += 1
        yield cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
    if not count:
        raise DataError(stream.path, "delivers no frames", _stream_remedy(stream))


def open_stream(stream: FrameStream) -> cv2.VideoCapture:
    """Open a video file or a camera; the caller releases it.

    Raises:
        DataError: It cannot be opened.
    """
    # The decoder's own complaints; what they mean for the user is said by the error below.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(0)
    try:
        index = stream.camera_index
        capture = cv2.VideoCapture(str(stream.path) if index is None else index)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if not capture.isOpened():
        capture.release()
        raise DataError(stream.path, "cannot be opened", _stream_remedy(stream))
    return capture


def frame_rate(capture: cv2.VideoCapture) -> float:
    """Frames per second of a stream, the usual rate where it does not say."""
    fps = capture.get(cv2.CAP_PROP_FPS)
    return fps if isfinite(fps) and 0 < fps <= HIGHEST_FPS else USUAL_FPS


def frame_count(capture: cv2.VideoCapture) -> int | None:
    """How many frames the container says it has, None where it does not say."""
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if isfinite(count) and count > 0 else None


def _is_video_name(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _stream_remedy(stream: FrameStream) -> str:
    if stream.is_camera:
        return "Connect the camera, close other programs that use it, or choose another number."
    return "Check that it plays, or convert it to an .mp4 with H.264."


def _image_files(path: Path) -> tuple[tuple[Path, ...], Path]:
    """The image files a path or pattern stands for, and the folder that holds them all."""
    suffixes = ", ".join(image_suffixes())
    if path.is_dir():
        found = list_images(path)
        if not found:
            raise DataError(path, f"contains no image ({suffixes})", "Give a folder with images.")
        return tuple(found), path
    if path.is_file():
        return (path,), path.parent
    if glob.has_magic(str(path)):
        names = sorted(glob.glob(str(path), recursive=True))
        matches = [Path(name) for name in names if is_image_name(Path(name).name)]
        matches = [match for match in matches if match.is_file()]
        if not matches:
            raise DataError(path, f"matches no image ({suffixes})", "Correct the pattern.")
        fixed = next(part for part in path.parts if glob.has_magic(part))
        return tuple(matches), Path(*path.parts[: path.parts.index(fixed)])
    raise DataError(path, "does not exist", f"Name {SUPPORTED}.")
