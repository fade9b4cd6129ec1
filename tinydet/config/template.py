"""The commented ``user_config.yaml`` that a new user starts from."""

from collections.abc import Sequence
from importlib.resources import files

import yaml

from tinydet.config.interpolation import escape
from tinydet.marks import fill_marks

MAX_WIDTH = 10**6  # a name is never folded over lines


def render_template(
    training_path: str = "data/train",
    class_names: Sequence[str] = ("person",),
    project_name: str = "my_detector",
    anchors: str = "wide",
) -> str:
    """A complete configuration for ``chain_tqe``, with a comment on every choice.

    Args:
        training_path: Folder, ``data.yaml`` or COCO json of the labelled images.
        class_names: Names in label order, without background, at least one.
        project_name: Title of the run.
        anchors: Name of a preset, as ``wide``.

    Returns:
        YAML text; ``load_config`` takes it without a warning.
    """
    text = (files("tinydet") / "templates" / "user_config.yaml").read_text(encoding="utf-8")
    names = ", ".join(_quoted(name) for name in class_names)
    values = {
        "PROJECT_NAME": _quoted(project_name),
        "TRAINING_PATH": _quoted(training_path),
        "CLASS_NAMES": f"[{names}]",
        "ANCHORS": f"{anchors:15}",
    }
    return fill_marks(text, values)


def _quoted(text: str) -> str:
    """The text as YAML reads it back, without quotes where they are not needed."""
    if text.isascii() and text.replace("_", "").replace("/", "").isalnum():
        return text
    quoted = yaml.safe_dump(escape(text), default_style='"', allow_unicode=True, width=MAX_WIDTH)
    return str(quoted).strip()
