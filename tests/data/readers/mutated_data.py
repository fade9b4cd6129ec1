"""Data sets of every format with something changed in one of their files.

Whatever stands in a file, it is read or refused: no traceback, no hang, no message longer than a
screen.
"""

import random
import resource
import tempfile
import time
import tracemalloc
import warnings
from collections import Counter
from pathlib import Path

from PIL import Image

from tests.data.readers.written_formats import WRITERS
from tinydet.data.check import check_dataset, format_check
from tinydet.data.dataset import load_dataset
from tinydet.errors import TinydetError

MOST_SECONDS = 5  # of CPU time, for one data set
MOST_CHARACTERS = 4000
MOST_MEMORY_BYTES = 2 << 30
EXAMPLE = {
    "train": [("a", (10, 20), [(0, 1, 1, 6, 9), (2, 0, 0, 20, 10)]), ("b", (8, 8), [])],
    "val": [("c", (30, 10), [(1, 2, 3, 10, 30)])],
}
TOKENS = (
    *(b"-1", b"0", b"1e999", b"NaN", b"-Infinity", b"9" * 400, b"1" * 5000, b"null", b"true"),
    *(b"[" * 3000, b"{" * 300, b'{"a":' * 2000, b"<a>" * 3000, b"&x;", b"<!DOCTYPE a>", b"]]>"),
    *(b"*a", b"&a [*a]", b"!!python/object:os.system", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"'),
    *(b"'", b"\\", b"\\ud800", b"\r", b"\n", b"\x1b[31m", b"../../", b"a" * 300, b",", b";", b":"),
    *("é".encode(), "\u202e".encode(), b"%s%n", b"/" * 5000, b"CON", b" ", b"\t"),
)
SUFFIXES = (".png", ".jpg", ".tif", ".gif", ".bmp", ".webp", ".ppm", ".jp2", ".avif")


def mutated(content: bytes, random_: random.Random) -> bytes:
    """The content with a few bytes, tokens or ranges changed."""
    data = bytearray(content)
    for _ in range(random_.randint(1, 3)):
        at = random_.randrange(len(data) + 1)
        kind = random_.randrange(6)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << random_.randrange(8)
        elif kind == 1:
            data[at : at + random_.randint(0, 6)] = random_.choice(TOKENS)
        elif kind == 2:
            del data[at : at + random_.randint(1, 40)]
        elif kind == 3:
            start = random_.randrange(len(data) + 1)
            data[at:at] = data[start : start + random_.randint(1, 60)] * random_.choice((1, 2, 50))
        elif kind == 4 and data:
            data[at % len(data)] = random_.randrange(256)
        elif random_.random() < 0.3:
            del data[at:]
    return bytes(data)


def run(count: int, seed: int) -> dict[str, object]:
    """Read so many mutated data sets.

    Returns:
        What happened: how many were read, refused; the longest time and message; peak memory.

    Raises:
        AssertionError: A data set broke a promise; names format, file and number.
    """
    random_ = random.Random(seed)
    outcomes: Counter[str] = Counter()
    longest_s, longest_message = 0.0, ""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as the command line does: what a decoder mends
        sets = {writer.__name__: Path(folder) / writer.__name__ for writer in WRITERS}
        for writer, root in zip(WRITERS, sets.values(), strict=True):
            writer(root, EXAMPLE)
        sets["images"] = _pictures(Path(folder) / "images")
        files = {
            name: sorted(path for path in root.rglob("*") if path.is_file())
            for name, root in sets.items()
        }
        for number in range(count):
            name = random_.choice(sorted(sets))
            file = random_.choice(files[name])
            content = file.read_bytes()
            file.write_bytes(mutated(content, random_))
            start = time.process_time()
            try:
                outcome, message = _read(sets[name], decode=name == "images")
            except Exception as error:
                place = f"seed {seed}, number {number}: {name}, {file.name}"
                changed = file.read_bytes()[:300]
                raise AssertionError(f"{place}: {error!r}\n{changed!r}") from error
            finally:
                seconds = time.process_time() - start
                file.write_bytes(content)
            place = f"seed {seed}, number {number}: {name}, {file.name}"
            assert len(message) <= MOST_CHARACTERS, f"{place}: {len(message)} characters"
            assert all(line.isprintable() for line in message.splitlines()), place
            assert seconds < MOST_SECONDS, f"{place}: {seconds:.1f} s"
            outcomes[outcome] += 1
            longest_s = max(longest_s, seconds)
            longest_message = max(longest_message, message, key=len)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert peak_bytes < MOST_MEMORY_BYTES or tracemalloc.is_tracing()
    return {
        "mutations": count,
        "seed": seed,
        **dict(outcomes),
        "longest_cpu_s": round(longest_s, 3),
        "longest_message": len(longest_message),
        "peak_mib": peak_bytes >> 20,
    }


def _read(root: Path, decode: bool) -> tuple[str, str]:
    try:
        dataset = load_dataset(root)
        if not decode:
            return "read", ""
        report = check_dataset(dataset)
        format_check(report)
    except TinydetError as error:
        return "refused", str(error)
    faults = [entry["fault"] for entry in report["unreadable"]]
    return "refused" if faults else "read", "\n".join(faults)


def _pictures(root: Path) -> Path:
    root.mkdir()
    picture = Image.effect_noise((24, 16), 60).convert("RGB")
    for suffix in SUFFIXES:
        picture.save(root / f"a{suffix}")
    Image.effect_noise((24, 16), 60).convert("I;16").save(root / "deep.tif")
    (root / "a.txt").write_text("0 0.5 0.5 0.4 0.4\n")
    return root
