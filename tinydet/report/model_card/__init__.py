"""``README.md`` of a trained model, with the front matter that model hubs read.

It holds facts of the run only: what the model was trained on, how accurate it is, what its limits
are, and how to use it. Layout of the front matter: "Model cards" of the Hugging Face Hub.
"""

from pathlib import Path
from typing import Any

import yaml

from tinydet.config.files import write_text_atomically
from tinydet.errors import DataError
from tinydet.report.model_card.facts import ModelFacts, gather_facts, last_part
from tinydet.report.model_card.sections import all_sections

CARD_FILE = "README.md"
TAGS = ("object-detection", "ssd", "mobilenetv2", "fpn-lite", "microcontroller")


def write_model_card(run_folder: Path, *, license_id: str | None = None) -> Path:
    """Write the model card beside the model of a run, so that its folder can be published as is.

    Args:
        run_folder: Folder of the run, as ``tinydet run`` leaves it.
        license_id: Licence of the trained model, as ``"apache-2.0"``; None: the card names none.

    Returns:
        Path of the card: ``quantized_models/README.md``, or ``saved_models/README.md`` where the
        run quantized nothing.

    Raises:
        DataError: The run contains no model.
        OutputError: The card cannot be written.
    """
    facts = gather_facts(run_folder)
    if facts is None:
        raise DataError(
            run_folder,
            "contains no model with its detector.json",
            "Give the output folder of a run that trained or quantized a model.",
        )
    front = yaml.safe_dump(front_matter(facts, license_id), sort_keys=False, allow_unicode=True)
    text = f"---\n{front}---\n\n{all_sections(facts)}"
    path = facts.folder / CARD_FILE
    # A class name may hold bytes that are not UTF-8 (lone surrogates): shown as a question mark.
    write_text_atomically(path, text.encode("utf-8", "replace").decode("utf-8"))
    return path


def front_matter(facts: ModelFacts, license_id: str | None) -> dict[str, Any]:
    """What model hubs read: task, tags, results."""
    front: dict[str, Any] = {"license": license_id} if license_id else {}
    front |= {
        "pipeline_tag": "object-detection",
        "library_name": "tinydet",
        "tags": [*TAGS, *(("tflite", "int8") if facts.is_int8 else ("keras",))],
    }
    evaluation = facts.own_evaluation
    if evaluation is None:
        return front
    metrics = [
        {"type": "map", "name": f"AP at IoU {iou}", "value": round(figures.mean, 4)}
        for iou, figures in sorted(evaluation.result.ap.items())
        if figures.mean is not None
    ]
    data = last_part(evaluation.result.data.path) or "own images"
    result = {
        "task": {"type": "object-detection"},
        "dataset": {"type": data, "name": data},
        "metrics": metrics,
    }
    return front | {"model-index": [{"name": facts.title, "results": [result]}]}
