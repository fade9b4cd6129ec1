"""The training images whose stated licences allow commercial use, as a data set of their own.

    python benchmarks/commercial_images.py PEOPLE OUT
    COCO=OUT tinydet run --config configs/coco_person_192_a035.yaml

PEOPLE is the data set that the bundled detectors were trained on. OUT becomes a YOLO data set of
links: the training images that are listed in ``tinydet/pretrained`` with a licence that allows
commercial use, and all validation images, which are only looked at. Start from the ImageNet
backbone as the configuration does, not from ``person``, which has seen all images. Writes
results/commercial_images.json: how many images of each licence are in and out, and why.

Licences are as stated by others, and nobody here has checked them: what a photographer writes on
Flickr may change, and the people in the pictures have rights of their own.
"""

import argparse
import csv
import gzip
import re
from collections import Counter
from pathlib import Path
from typing import Any

from record import write_result

from tinydet.config.files import write_text_atomically
from tinydet.pretrained import FOLDER

LIST = FOLDER / "training_images_people.tsv.gz"
COMMERCIAL = ("CC BY 2.0", "CC BY-SA 2.0", "CC0")
COLLECTION = "human-dataset"
# A collection that states one licence for photos of others: what the form of a name says of them.
OPEN_IMAGES = re.compile(r"human_dataset_[0-9a-f]{16}_jpe?g\.rf\..*")
COCO = re.compile(r"human_dataset_[0-9]{12}_jpe?g\.rf\..*")
OUT_OF_COCO = "COCO train, licences not listed"
OF_OPEN_IMAGES, OF_UNKNOWN = "Open Images, CC BY 2.0", "of unknown origin"
Row = tuple[str, str, str, bool]  # image, source, licence, whether commercial use is allowed


def main() -> None:
    """Make the data set and write the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", type=Path, help="data set of the bundled detectors")
    parser.add_argument("out", type=Path, help="folder to make")
    parsed = parser.parse_args()
    rows = licensed_images()
    link_images(parsed.people, parsed.out, {image for image, *_, allowed in rows if allowed})
    counts = Counter((source, licence, allowed) for _, source, licence, allowed in rows)
    listed = [
        {"source": source, "licence": licence, "commercial": allowed, "images": count}
        for (source, licence, allowed), count in counts.most_common()
    ]
    kept = sum(row["images"] for row in listed if row["commercial"])
    for row in listed:
        print(f"{row['images']:6}  {'in ' if row['commercial'] else 'out'}  "
              f"{row['source']}: {row['licence']}")  # fmt: skip
    print(f"{kept} of {len(rows)} images in {parsed.out}")
    figures = {"images": kept, "of": len(rows), "licences": listed}
    write_result("commercial_images", "python benchmarks/commercial_images.py PEOPLE OUT", figures)


def licensed_images(path: Path = LIST) -> list[Row]:
    """The training images with what is stated of them."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [
            (row["image"], *of_image(row["image"], row["source"], row["licence"]))
            for row in csv.DictReader(file, delimiter="\t")
        ]


def of_image(image: str, source: str, licence: str) -> tuple[str, str, bool]:
    """Source, licence, and whether it allows commercial use; what is unclear does not."""
    if source != COLLECTION:
        return source, licence, licence in COMMERCIAL
    if OPEN_IMAGES.fullmatch(image):
        return source, OF_OPEN_IMAGES, True
    return source, OUT_OF_COCO if COCO.fullmatch(image) else OF_UNKNOWN, False


def link_images(people: Path, out: Path, images: set[str]) -> None:
    """A YOLO data set of links to these training images and to all validation images."""
    for part in ("train", "val"):
        for kind in ("images", "labels"):
            folder = out / kind / part
            folder.mkdir(parents=True, exist_ok=True)
            for path in (people / kind / part).iterdir():
                link = folder / path.name
                if (part == "val" or path.stem in images) and not link.is_symlink():
                    link.symlink_to(path.resolve())
    found = {path.stem for path in (out / "images" / "train").iterdir()}
    if found != images:
        missing, foreign = len(images - found), len(found - images)
        raise SystemExit(f"{out}: {missing} listed images are missing, {foreign} are not listed")
    write_text_atomically(out / "data.yaml", (people / "data.yaml").read_text(encoding="utf-8"))


def commercial_images_table(figures: dict[str, Any], table: Any) -> str:
    """The section of docs/benchmarks.md."""
    rows = [
        [row["source"], row["licence"], str(row["images"]), "yes" if row["commercial"] else "no"]
        for row in figures["licences"]
    ]
    return (
        "## Licences of the training images\n\n"
        f"{figures['images']} of the {figures['of']} training images of the bundled detectors are "
        "stated to be free for commercial use: `benchmarks/commercial_images.py` makes a data set "
        "of them.\n\n"
        f"{table(['source', 'stated licence', 'images', 'commercial use'], rows)}"
    )


if __name__ == "__main__":
    main()
