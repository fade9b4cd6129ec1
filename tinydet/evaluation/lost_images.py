"""The images in which an int8 model is worse than the float model, side by side."""

from pathlib import Path

import numpy as np

from tinydet.drawing import Image, contact_sheet, save_image
from tinydet.evaluation.scoring import ScoredImages
from tinydet.evaluation.worst_images import (
    TILE_HEIGHT_PX,
    TILE_WIDTH_PX,
    draw_agreement,
    tallies_of,
    text_strip,
)

LOST_IMAGES_FILE = "lost_images.png"
NUM_LOST = 8
PAIRS_IN_A_ROW = 2


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
    models = [("float", float_scored), ("int8", int8_scored)]
    tallies = {name: tallies_of(scored) for name, scored in models}
    float_mistakes, int8_mistakes = (
        np.array([tally.objects - tally.found + tally.wrong for tally in tallies[name]])
        for name, _ in models
    )
    added = int8_mistakes - float_mistakes
    agreement = int8_scored.agreement - float_scored.agreement
    order = [i for i in np.lexsort((agreement, -added))[:NUM_LOST].tolist() if added[i] > 0]
    if not order:
        return None
    tiles = [draw_agreement(scored, index) for index in order for _, scored in models]
    captions = [
        f"{name}: {tallies[name][index].text}: {scored.samples[index].path.name}"
        for index in order
        for name, scored in models
    ]
    sheet = contact_sheet(tiles, 2 * PAIRS_IN_A_ROW, TILE_HEIGHT_PX, TILE_WIDTH_PX, captions)
    legend = (
        f"Left float, right int8.  White: labelled.  Grey: labelled, ignored.  Colour: detected, "
        f"score at least {float_scored.working_score:.2f} (float), "
        f"{int8_scored.working_score:.2f} (int8)."
    )
    return np.concatenate([text_strip(legend, sheet.shape[1]), sheet])
