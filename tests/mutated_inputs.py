"""What people bring with something changed in it: labels, images, configurations, models.

Whatever stands in a file, it is read or refused: no traceback, no hang, no message longer than a
screen. Each kind of input is a folder of small sound files and a way to read them.
"""

import random
import resource
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from PIL import Image

from tests.compiler.sample_networks import every_operator
from tests.compiler.test_unsigned import detector as unsigned_detector
from tests.compiler.tflite_writer import write_tflite
from tests.data.readers.written_formats import WRITERS
from tests.inference.conftest import TinyDetector
from tests.inference.test_detector_metadata import model_maker_file
from tests.mutations import mutated_binary, mutated_text
from tinydet.compiler.tflite_reader import read_detector
from tinydet.config.detector_spec import DetectorSpec, PreprocessSpec, load_detector_spec
from tinydet.config.loader import load_config
from tinydet.data.dataset import load_dataset
from tinydet.data.images import read_image, read_image_size
from tinydet.errors import TinydetError
from tinydet.inference import model_kind, read_facts

MOST_SECONDS = 5  # of CPU time, for one input
MOST_BYTES = 4096  # of a message
MOST_MEMORY_BYTES = 2 << 30
EXAMPLE = {
    "train": [("a", (10, 20), [(0, 1, 1, 6, 9), (2, 0, 0, 20, 10)]), ("b", (8, 8), [])],
    "val": [("c", (30, 10), [(1, 2, 3, 10, 30)])],
}
POST_PROCESSING = {
    "max_detections": 10,
    "max_classes_per_detection": 1,
    "nms_score_threshold": 0.3,
    "nms_iou_threshold": 0.5,
    "num_classes": 2,
    "y_scale": 10.0,
    "x_scale": 10.0,
    "h_scale": 5.0,
    "w_scale": 5.0,
}
CONFIGURATIONS = Path(__file__).parent / "config"


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Attributes:
        share: How often it is taken, of all shares together.
        make: Writes sound files into an empty folder.
        read: Reads the changed file, or the data set it is of; gives what it tells the user.
        mutate: Changes the content of a file.
        roots: Whether each folder in the folder is one input; else each file is one.
    """

    share: int
    make: Callable[[Path], None]
    read: Callable[[Path], str]
    mutate: Callable[[bytes, random.Random], bytes]
    roots: bool = False


def make_data_sets(folder: Path) -> None:
    for writer in WRITERS:
        writer(folder / writer.__name__, EXAMPLE)
        writer(folder / f"{writer.__name__} without parts", {"train": EXAMPLE["train"][:1]})


def read_data_set(root: Path) -> str:
    records = load_dataset(root).findings.to_records()
    return "\n".join(f"{r['count']} {r['meaning']}: {r['examples']}" for r in records)


def make_archives(folder: Path) -> None:
    for writer in WRITERS[:4]:
        root = folder.parent / f"unpacked {writer.__name__}"
        writer(root, EXAMPLE)
        shutil.make_archive(str(folder / writer.__name__), "zip", root)
        shutil.rmtree(root)


def read_archive(path: Path) -> str:
    cache = path.parents[1] / "cache"
    with mock.patch.dict("os.environ", XDG_CACHE_HOME=str(cache)):
        try:
            return read_data_set(path)
        finally:
            shutil.rmtree(cache, ignore_errors=True)


def make_images(folder: Path) -> None:
    picture = Image.effect_noise((24, 16), 60)
    rgb, deep = picture.convert("RGB"), picture.convert("I;16")
    frames = {"save_all": True, "append_images": [rgb.transpose(Image.Transpose.ROTATE_180)]}
    turned = Image.Exif()
    turned[0x0112] = 6
    for suffix in (".png", ".jpg", ".tif", ".gif", ".bmp", ".webp", ".ppm", ".jp2", ".avif"):
        rgb.save(folder / f"rgb{suffix}")
    rgb.save(folder / "turned.jpg", exif=turned, progressive=True)
    rgb.convert("CMYK").save(folder / "cmyk.jpg")
    rgb.save(folder / "frames.mpo", **frames)
    rgb.save(folder / "frames.gif", **frames)
    rgb.save(folder / "lossless.webp", lossless=True)
    picture.convert("LA").save(folder / "alpha.png")
    rgb.quantize(7).save(folder / "palette.png")
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        rgb.save(folder / f"{compression}.tif", compression=compression)
    deep.save(folder / "deep.tif")
    deep.save(folder / "deep.png")
    picture.convert("F").save(folder / "fractions.tif")


def see_image(path: Path) -> str:
    read_image_size(path)
    return str(read_image(path, largest_side=20).shape)


def make_configurations(folder: Path) -> None:
    for path in CONFIGURATIONS.glob("published_*.yaml"):
        (folder / path.name).write_bytes(path.read_bytes())


def configure(path: Path) -> str:
    return "\n".join(load_config(path, environment={"DATA_ROOT": "/data"}).warnings)


def make_specifications(folder: Path) -> None:
    spec = DetectorSpec(class_names=("cat", "dog"), preprocess=PreprocessSpec(height=32, width=64))
    (folder / "detector.json").write_text(spec.model_dump_json(indent=1), encoding="utf-8")


def specify(path: Path) -> str:
    return str(len(load_detector_spec(path).class_names))


def make_networks(folder: Path) -> None:
    (folder / "every operator.tflite").write_bytes(write_tflite(every_operator()))
    _detector().save(folder / "operator.tflite")
    network, outputs = unsigned_detector(3)
    network.save(folder, *outputs)


def make_detectors(folder: Path) -> None:
    _detector().save(folder / "operator.tflite")
    model_maker_file(folder, cell_px=32)
    for name, outputs, kind in (
        ("joined", ("joined",), "float"),
        ("separate", ("scores", "deltas", "anchors"), "int8"),
    ):
        recipe = TinyDetector(outputs=outputs, output_type=kind, dynamic=True, cell_px=32)
        recipe.save(folder / f"{name}.tflite")


def _detector() -> TinyDetector:
    return TinyDetector(
        num_classes=2,
        outputs=("operator",),
        operator=POST_PROCESSING,
        input_code=(0.0, 0),
        cell_px=32,
    )


def compile_front(path: Path) -> str:
    return str(len(read_detector(path.read_bytes(), path)[0].ops))


def load_model(path: Path) -> str:
    return f"{read_facts(path)} {model_kind(path)}"


KINDS = {
    "data sets": Kind(9, make_data_sets, read_data_set, mutated_text, roots=True),
    "archives": Kind(2, make_archives, read_archive, mutated_binary),
    "images": Kind(38, make_images, see_image, mutated_binary),
    "configurations": Kind(8, make_configurations, configure, mutated_text),
    "specifications": Kind(13, make_specifications, specify, mutated_text),
    "compiled networks": Kind(26, make_networks, compile_front, mutated_binary),
    "detectors": Kind(4, make_detectors, load_model, mutated_binary),
}


Inputs = dict[str, list[tuple[Path, Path]]]  # kind to files, and what is read when each changed


def write_inputs(folder: Path) -> Inputs:
    """Write the sound files of all kinds."""
    inputs = {}
    for name, kind in KINDS.items():
        home = folder / name
        home.mkdir(parents=True)
        kind.make(home)
        files = sorted(path for path in home.rglob("*") if path.is_file())
        depth = len(home.parts) + 1
        inputs[name] = [(f, Path(*f.parts[:depth]) if kind.roots else f) for f in files]
    return inputs


def run(
    inputs: Inputs, numbers: Iterable[int], seed: int, begin: Callable[[int], None] = int
) -> dict[str, Any]:
    """Read mutated inputs.

    Args:
        inputs: See ``write_inputs``; changed and put back.
        numbers: Of the mutations: each is the same for the same seed, whatever ran before.
        seed: Of the random numbers.
        begin: Is told the number of the input that is read next.

    Returns:
        What happened: how many of each kind were read, refused; ``faults``, a sentence for each
        input that broke a promise; the longest time and message; the peak of memory.
    """
    outcomes: Counter[str] = Counter()
    faults: list[str] = []
    longest_s, longest_bytes = 0.0, 0
    names, shares = zip(*((name, kind.share) for name, kind in KINDS.items()), strict=True)
    for number in numbers:
        random_ = random.Random(f"{seed} {number}")
        [name] = random_.choices(names, shares)
        file, given = random_.choice(inputs[name])
        content = file.read_bytes()
        file.write_bytes(KINDS[name].mutate(content, random_))
        begin(number)
        start = time.process_time()
        outcome, message = _read(KINDS[name], given)
        seconds = time.process_time() - start
        file.write_bytes(content)
        size_bytes = len(message.encode("utf-8", "replace"))
        broken = message if outcome == "broken" else _broken_promise(seconds, message, size_bytes)
        if broken:
            faults.append(f"seed {seed}, number {number}: {name}, {file.name}: {broken}")
        outcomes[f"{name}, {outcome}"] += 1
        longest_s, longest_bytes = max(longest_s, seconds), max(longest_bytes, size_bytes)
    return {
        "outcomes": dict(sorted(outcomes.items())),
        "faults": faults,
        "longest_cpu_s": round(longest_s, 3),
        "longest_message_bytes": longest_bytes,
        "peak_mib": _peak_bytes() >> 20,
    }


def _read(kind: Kind, path: Path) -> tuple[str, str]:
    try:
        return "read", kind.read(path)
    except TinydetError as error:
        return "refused", str(error)
    except Exception as error:
        return "broken", f"{error!r:.300}"


def _broken_promise(seconds: float, message: str, size_bytes: int) -> str:
    if size_bytes > MOST_BYTES:
        return f"a message of {size_bytes} bytes, {message[:200]!r}"
    if not all(line.isprintable() for line in message.splitlines()):
        return f"a message with control characters, {message[:300]!r}"
    if seconds > MOST_SECONDS:
        return f"{seconds:.1f} s"
    return f"{_peak_bytes() >> 20} MiB" if _peak_bytes() > MOST_MEMORY_BYTES else ""


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def quiet() -> None:
    """Silence what a decoder warns of, as the command line does."""
    warnings.simplefilter("ignore")
