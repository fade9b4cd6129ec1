"""Follows the tutorials: the cells of the notebook, and the commands of the others, in order.

Nothing is trained or quantized again: a finished run stands in for what the notebook's own would
leave. Everything up to there, the configuration included, and everything after it is real.
"""

import ast
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import run

TUTORIALS = Path(__file__).parents[2] / "docs/tutorials"
NOTEBOOK = TUTORIALS / "first_detector.ipynb"
SMALL = "IMAGES, EPOCHS = 20, 1"  # in place of the parameters of the notebook
# A block, and the mark right before it of what takes too long here or needs a board.
BLOCK = re.compile(r"(<!-- not run: [^>]+ -->\n)?^```(sh|yaml)\n(.*?)^```", re.M | re.S)
SAVED_AS = re.compile(r"Save this as `([\w.]+)`")


def notebook_cells() -> list[dict[str, Any]]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def follow_tutorials(finished: Path, work: Path, patch: pytest.MonkeyPatch) -> None:
    """Follow all of them in an empty folder.

    Args:
        finished: Folder of a run on generated images that trained and quantized.
        work: The folder.
        patch: Undoes what is patched.
    """
    patch.chdir(work)
    run_folder = work / "first_run"
    int8 = run_folder / "quantized_models" / "quantized_model.tflite"

    def execute(config: Any) -> None:
        assert config.trains
        assert Path(config.run_folder).resolve() == run_folder
        shutil.copytree(finished, run_folder)

    def quantize_configured(_config: Any, model: Path, *_args: Any, **_options: Any) -> Path:
        assert model.resolve() == run_folder / "saved_models" / "best_model.keras"
        return int8.relative_to(work)

    patch.setattr("tinydet.pipeline.execute", execute)
    patch.setattr("tinydet.pipeline.quantization.quantize_configured", quantize_configured)
    names: dict[str, Any] = {}
    for cell in notebook_cells():
        is_parameters = "parameters" in cell["metadata"].get("tags", ())
        shown = run_cell(SMALL if is_parameters else "".join(cell["source"]), names)
        assert shown is None or hasattr(shown, "_repr_html_") or hasattr(shown, "_repr_png_")
    patch.undo()
    patch.chdir(work)
    for tutorial in sorted(TUTORIALS.glob("*.md")):
        follow(tutorial.read_text(encoding="utf-8"))


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does; the value of its last line, if that is an expression."""
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), str(NOTEBOOK), "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "", "eval"), names)


def follow(text: str) -> None:
    """Save the files that a tutorial shows, and run its commands that are not marked."""
    files = iter(SAVED_AS.findall(text))
    for not_run, language, body in BLOCK.findall(text):
        if language == "yaml":
            Path(next(files)).write_text(body, encoding="utf-8")
            continue
        for line in () if not_run else body.splitlines():
            match shlex.split(line, comments=True):
                case ["tinydet", "data", "generate", *_]:
                    pass  # the notebook has made a smaller set of this name
                case ["tinydet", *words]:
                    run(*words)
                case ["mkdir", "-p", folder]:
                    Path(folder).mkdir(parents=True, exist_ok=True)
                case ["cp", source, target]:
                    shutil.copy(source, target)
