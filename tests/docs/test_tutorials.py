"""Tutorials can be followed to the end, on generated data.

One test, so that what the first tutorial trains serves all, whichever process runs it.
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

pytestmark = pytest.mark.slow

TUTORIALS = Path(__file__).parents[2] / "docs/tutorials"
NOTEBOOK = TUTORIALS / "first_detector.ipynb"
SMALL = "IMAGES, EPOCHS = 20, 1"  # in place of the parameters of the notebook
LARGEST_NOTEBOOK_BYTES = 300_000
# A block, and the mark right before it of what takes too long here or needs a board.
BLOCK = re.compile(r"(<!-- not run: [^>]+ -->\n)?^```(sh|yaml)\n(.*?)^```", re.M | re.S)
SAVED_AS = re.compile(r"Save this as `([\w.]+)`")


def notebook_cells() -> list[dict[str, Any]]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.usefixtures("without_graphs")
def test_tutorials_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cells of the notebook, and the commands of the others that are not marked "not run".

    The marked ones, like all commands of the documentation, at least parse (test_links).
    """
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for cell in notebook_cells():
        is_parameters = "parameters" in cell["metadata"].get("tags", ())
        shown = run_cell(SMALL if is_parameters else "".join(cell["source"]), names)
        assert shown is None or hasattr(shown, "_repr_html_") or hasattr(shown, "_repr_png_")
    for tutorial in sorted(TUTORIALS.glob("*.md")):
        follow(tutorial.read_text(encoding="utf-8"))


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does; the value of its last line, if that is an expression."""
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), str(NOTEBOOK), "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "", "eval"), names)


def follow(text: str) -> None:
    """Save the files that a tutorial shows, and run its commands, in order."""
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


def test_stored_outputs_of_the_notebook() -> None:
    """Every cell that shows something has it stored, in a small file, without absolute paths."""
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) <= LARGEST_NOTEBOOK_BYTES
    shown = [cell for cell in notebook_cells() if cell["outputs"]]
    assert len(shown) >= 7
    assert all(output["output_type"] != "error" for cell in shown for output in cell["outputs"])
    assert not re.search(r"(?<![\w.:/<-])/(?:home|root|tmp|Users|work)/", text)
