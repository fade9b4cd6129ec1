"""Draws the pictures of the README from tinydet's own outputs.

python docs/make_pictures.py
"""

import tempfile
from pathlib import Path

from tinydet.compiler import CompileOptions, compile_detector
from tinydet.pretrained import pretrained_model

PICTURES = Path(__file__).parent / "pictures"


def main() -> None:
    """Draw ``arena.png``: what lies in the memory of the person detector, step by step."""
    detector = compile_detector(pretrained_model("person_192"), CompileOptions(name="person"))
    with tempfile.TemporaryDirectory() as folder:
        detector.save(Path(folder))
        picture = Path(folder) / "arena.png"
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / "arena.png").write_bytes(picture.read_bytes())


if __name__ == "__main__":
    main()
