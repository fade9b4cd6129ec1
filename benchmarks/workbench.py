"""The workbench (tinydet data view) on 10,000 images: how long each thing takes.

    PYTHONPATH=. python benchmarks/workbench.py [--images 10000]

The data set is made here: 640 x 480 JPEGs (a few, linked under all names) with five labelled boxes
each, in YOLO's layout. Server and client share one process; each time is the median of ten
requests, once on the clock and once as processor time, which a busy machine does not change. Where
there is a Chromium, it opens the page, scrolls to the middle and opens an image there.
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from record import write_result

from tests.targets.web.chromium import BROWSER, Chromium
from tests.workbench.served import Client, served
from tinydet.data.dataset import load_dataset

DIFFERENT, BOXES, SIZE = 40, 5, (640, 480)
CLASSES = ("person", "cat", "dog")
REPEATS = 10
FILTERS = ("", "class=cat", "class=dog&size=small", "text=99", "state=marked", "state=empty")
TILES = "document.querySelectorAll('.tile img').length"
LOADED = "[...document.querySelectorAll('.tile img')].every((one) => one.complete)"


def main() -> None:
    """Measure and write results/workbench.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    count = parser.parse_args().images
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        make_data(data, count)
        figures: dict[str, Any] = {"images": count, "boxes": count * BOXES, "rows": []}
        timed(figures, "read the data set", lambda _: load_dataset(data), repeats=1)
        with served(data) as (client, _):
            requests(figures, client, count)
            if BROWSER:
                browse(figures, client, Path(folder) / "profile", count)
        backups = list((data / "label_backups").rglob("*.bak"))
        assert len(backups) == REPEATS, "one backup for each label file that was changed"
    figures["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    write_result("workbench", f"python benchmarks/workbench.py --images {count}", figures)


def make_data(root: Path, count: int) -> None:
    """A data set in YOLO's layout."""
    rng = np.random.default_rng(0)
    images, labels = root / "images", root / "labels"
    images.mkdir(parents=True)
    labels.mkdir()
    for number in range(count):
        path = images / f"{number:06}.jpg"
        if number < DIFFERENT:
            coarse = rng.integers(0, 256, (SIZE[1] // 16, SIZE[0] // 16, 3), np.uint8)
            Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC).save(path, quality=90)
        else:
            os.link(images / f"{number % DIFFERENT:06}.jpg", path)
        sides, classes = rng.uniform(0.05, 0.3, (BOXES, 2)), rng.integers(len(CLASSES), size=BOXES)
        centres = rng.uniform(0.2, 0.8, (BOXES, 2))
        rows = [
            f"{c} {x:.5f} {y:.5f} {w:.5f} {h:.5f}\n"
            for c, (x, y), (w, h) in zip(classes, centres, sides, strict=True)
        ]
        (labels / f"{number:06}.txt").write_text("".join(rows))
    (root / "data.yaml").write_text(f"train: images\nnames: [{', '.join(CLASSES)}]\n")


def timed(
    figures: dict[str, Any], what: str, action: Callable[[int], object], repeats: int = REPEATS
) -> None:
    """Add a row: median of the elapsed and of the processor time in ms."""
    elapsed, processor = [], []
    for number in range(repeats):
        start, start_processor = time.perf_counter(), time.process_time()
        action(number)
        elapsed.append(1000 * (time.perf_counter() - start))
        processor.append(1000 * (time.process_time() - start_processor))
    row = {"what": what, "ms": statistics.median(elapsed)}
    row["processor_ms"] = statistics.median(processor)
    figures["rows"].append(row)
    print(json.dumps(row), flush=True)


def requests(figures: dict[str, Any], client: Client, count: int) -> None:
    """What the page asks for."""
    path = f"/{client.secret}"
    timed(figures, "state of the page", lambda _: client.get("state"))
    for words in FILTERS:
        name = f"list of images, {words or 'all'}"
        timed(figures, name, lambda _, words=words: client.get(f"images?{words}"))
    far = [count // 2 + 7 * number for number in range(REPEATS)]
    timed(figures, "labels of an image", lambda i: client.get(f"labels/{far[i]}"))
    for times in ("first", "second"):
        name = f"thumbnail, {times} time"
        timed(figures, name, lambda i: client.raw("GET", f"{path}/thumbnail/{far[i]}"))
    timed(figures, "picture", lambda i: client.raw("GET", f"{path}/picture/{far[i]}"))
    timed(figures, "mark an image", lambda i: client.post(f"marks/{far[i]}", {"marked": True}))
    timed(figures, "delete a box, with backup", lambda i: delete_box(client, far[i]))


def delete_box(client: Client, index: int) -> None:
    """Write the labels of an image without the first box."""
    record = client.get(f"labels/{index}")
    body = {"version": record["version"], "boxes": record["boxes"][1:]}
    status, after = client.post(f"labels/{index}", body)
    assert status == 200, after
    assert len(after["boxes"]) == BOXES - 1


def browse(figures: dict[str, Any], client: Client, profile: Path, count: int) -> None:
    """What a person waits for."""
    with Chromium(profile) as browser:
        browser.look(1280, 900)

        def opened(_: int) -> None:
            browser.open(client.address)
            browser.wait_for(f"{TILES} > 10 && {LOADED}")

        def scrolled(number: int) -> None:
            grid = "document.getElementById('grid')"
            browser.run(f"{grid}.scrollTop = {grid}.scrollHeight * {0.3 + 0.05 * number}")
            browser.wait_for(f"document.querySelector('.tile').dataset.place > {count // 5}")
            browser.wait_for(LOADED)

        def one_image(number: int) -> None:
            browser.run(f"open({count // 2 + number})")
            shown = "document.getElementById('picture')"
            browser.wait_for(f"{shown}.src.endsWith('/{count // 2 + number}') && {shown}.complete")

        timed(figures, "browser: open the page until its images are there", opened, repeats=3)
        timed(figures, "browser: scroll far, until the images are there", scrolled)
        timed(figures, "browser: open an image", one_image)
        figures["tiles_in_the_page"] = browser.run(TILES)


if __name__ == "__main__":
    main()
