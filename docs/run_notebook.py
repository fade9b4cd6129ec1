"""Run the notebook of the first tutorial and store its outputs in it, small and without paths.

    python docs/run_notebook.py [EXECUTED]

EXECUTED is a notebook that was run already. Pictures become JPEG, progress is left out, and
paths are relative to where the notebook ran.
"""

import base64
import io
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

NOTEBOOK = Path(__file__).parent / "tutorials" / "first_detector.ipynb"
QUALITY = 80


def main(arguments: list[str]) -> None:
    """Run it in a temporary folder, or take what was run, and write it back."""
    if arguments:
        notebook = nbformat.read(arguments[0], as_version=4)
    else:
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            resources = {"metadata": {"path": folder}}
            NotebookClient(notebook, timeout=None, resources=resources).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [small(output) for output in cell.outputs if is_kept(output)]
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    nbformat.write(notebook, NOTEBOOK)


def is_kept(output: nbformat.NotebookNode) -> bool:
    """Results and what is printed; progress goes to standard error."""
    return output.get("name") != "stderr"


def small(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An output with pictures as JPEG and relative paths."""
    if "text" in output:
        output["text"] = without_folders(output["text"])
    data = output.get("data", {})
    for kind in [kind for kind in data if kind.startswith("text/")]:
        data[kind] = without_folders(data[kind])
    if "image/png" in data:
        picture = Image.open(io.BytesIO(base64.b64decode(data.pop("image/png")))).convert("RGB")
        jpeg = io.BytesIO()
        picture.save(jpeg, "JPEG", quality=QUALITY, optimize=True)
        data["image/jpeg"] = base64.b64encode(jpeg.getvalue()).decode()
    return output


def without_folders(text: str) -> str:
    """Absolute paths lead to files below the folder where the notebook ran: only their end."""
    return re.sub(r"(?<![\w.:/<])/(?:[\w.-]+/)*?(?=(?:shapes|first_run|compiled)\b)", "", text)


if __name__ == "__main__":
    main(sys.argv[1:])
