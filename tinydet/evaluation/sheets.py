"""Sheets of images with their labels and detections: the worst, and those that int8 loses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinydet.data.images import read_image
from tinydet.drawing import Image, class_colour, contact_sheet, draw_boxes, save_image
from tinydet.evaluation.scoring import ScoredImages
from tinydet.metrics.matching import HIT, MISS

LOST_IMAGES_FILE = "lost_images.png"
NUM_WORST, NUM_LOST = 12, 8
COLUMNS = 4  # of tiles; two pairs of float and int8
TILE_HEIGHT_PX, TILE_WIDTH_PX = 330, 440
MAX_LABELS = 10  # more labels in a tile hide the picture
WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (150, 150, 150)


def worst_images(scored: ScoredImages) -> Image:
    """A sheet of the images with the lowest F1, the worst first.

    Labelled objects are white with a black rim (ignored ones grey), detections have the colour of
    their class. Only detections with the working score or more are drawn.

    Args:
        scored: At least one image.

    Returns:
        ``[H, W, 3]`` uint8 RGB.
    """
    tallies = tallies_of(scored)
    mistakes = np.array([tally.mistakes for tally in tallies])
    order = np.lexsort((-mistakes, scored.image_f1))[:NUM_WORST].tolist()
    legend = (
        f"White: labelled.  Grey: labelled, ignored.  Colour: detected with a score of at least "
        f"{scored.working_score:.2f}."
    )
    return _sheet([(scored, index, "") for index in order], legend)


@dataclass(frozen=True)
class Tally:
    """Counted objects of an image, how many are found, and detections of nothing."""

    objects: int
    found: int
    wrong: int

    @property
    def mistakes(self) -> int:
        """Objects missed and detections of nothing."""
        return self.objects - self.found + self.wrong

    def __str__(self) -> str:
        """As ``"3 of 4 found, 1 wrong"``."""
        found = f"{self.found} of {self.objects} found" if self.objects else "no object"
        return f"{found}, {self.wrong} wrong"


def tallies_of(scored: ScoredImages) -> list[Tally]:
    """What was found and what not at the working score, image by image."""
    matches = scored.matches
    outcomes = matches.outcomes(scored.headline_iou)
    shown = matches.scores >= scored.working_score
    found, wrong = (
        np.bincount(
            matches.image_index[shown & (outcomes == outcome)], minlength=len(scored.samples)
        )
        for outcome in (HIT, MISS)
    )
    objects = [len(truth.counted) for truth in scored.ground_truth]
    return [Tally(*counts) for counts in zip(objects, found.tolist(), wrong.tolist(), strict=True)]


def draw_tile(scored: ScoredImages, index: int) -> Image:
    """A tile with the labels and the detections of one image, see ``worst_images``."""
    import cv2

    sample = scored.samples[index]
    image = read_image(sample.path)
    scale = min(TILE_HEIGHT_PX / image.shape[0], TILE_WIDTH_PX / image.shape[1])
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    tile = np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)
    rim = [BLACK] * len(sample.boxes)
    tile = draw_boxes(tile, sample.boxes, [""] * len(rim), rim, thickness_px=4)
    found = scored.detections[index].above(scored.working_score)
    labels = [
        f"{scored.class_names[class_id]} {score:.2f}" if rank < MAX_LABELS else ""
        for rank, (class_id, score) in enumerate(zip(found.class_ids, found.scores, strict=True))
    ]
    several = len(scored.class_names) > 1
    labels += [scored.class_names[class_id] if several else "" for class_id in sample.class_ids]
    colours = [class_colour(int(class_id)) for class_id in found.class_ids]
    colours += [GREY if ignored else WHITE for ignored in sample.ignored]
    return draw_boxes(tile, np.concatenate([found.boxes, sample.boxes]), labels, colours, 2)


def _text_strip(text: str, width_px: int) -> Image:
    """One line of text, as wide as the sheet it goes on."""
    from PIL import Image as PillowImage
    from PIL import ImageDraw, ImageFont

    letters = min(18.0, width_px / 50)
    strip = PillowImage.new("RGB", (width_px, round(letters * 2)), (245, 245, 245))
    font = ImageFont.load_default(letters)
    ImageDraw.Draw(strip).text((11, letters / 2), text, fill=(40, 40, 40), font=font)
    return np.array(strip)


def save_lost_images(float_scored: ScoredImages, int8_scored: ScoredImages, folder: Path) -> None:
    """Write ``lost_images.png``, or remove an old one where no image loses."""
    sheet = lost_images(float_scored, int8_scored)
    if sheet is None:
        (folder / LOST_IMAGES_FILE).unlink(missing_ok=True)
    else:
        save_image(folder / LOST_IMAGES_FILE, sheet)


def lost_images(float_scored: ScoredImages, int8_scored: ScoredImages) -> Image | None:
    """A sheet of the images that lose most by quantization, the worst first.

    Each is drawn twice, the float model's detections left and the int8 model's right, each at the
    score threshold that is best for the model. What an image loses is the number of mistakes
    (objects missed, detections of nothing) that int8 adds; of equals, the difference of its F1.

    Args:
        float_scored: The float model's detections.
        int8_scored: The int8 model's, on the same images.

    Returns:
        ``[H, W, 3]`` uint8 RGB; None where no image loses.
    """
    float_mistakes, int8_mistakes = (
        np.array([tally.mistakes for tally in tallies_of(scored)])
        for scored in (float_scored, int8_scored)
    )
    added = int8_mistakes - float_mistakes
    gained = int8_scored.image_f1 - float_scored.image_f1
    order = [i for i in np.lexsort((gained, -added))[:NUM_LOST].tolist() if added[i] > 0]
    if not order:
        return None
    pairs = [("float: ", float_scored), ("int8: ", int8_scored)]
    legend = (
        f"Left float, right int8.  White: labelled.  Grey: labelled, ignored.  Colour: detected, "
        f"score at least {float_scored.working_score:.2f} (float), "
        f"{int8_scored.working_score:.2f} (int8)."
    )
    return _sheet([(scored, index, name) for index in order for name, scored in pairs], legend)


def _sheet(wanted: Sequence[tuple[ScoredImages, int, str]], legend: str) -> Image:
    """Tiles of ``(images, index, start of the caption)``, below a line that explains them."""
    tallies = {id(scored): tallies_of(scored) for scored, _, _ in wanted}
    captions = [
        f"{start}{tallies[id(scored)][index]}: {scored.samples[index].path.name}"
        for scored, index, start in wanted
    ]
    tiles = [draw_tile(scored, index) for scored, index, _ in wanted]
    sheet = contact_sheet(tiles, COLUMNS, TILE_HEIGHT_PX, TILE_WIDTH_PX, captions)
    return np.concatenate([_text_strip(legend, sheet.shape[1]), sheet])
