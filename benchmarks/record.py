"""How a benchmark writes down what it measured, and how."""

import json
import os
import platform
from datetime import date
from pathlib import Path
from typing import Any

from tinydet.versions import package_versions

RESULTS = Path(__file__).parent / "results"


def write_result(name: str, command: str, figures: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write ``<name>.json``: the figures, the command, the machine and the versions."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    record = {
        "command": command,
        "date": date.today().isoformat(),
        "machine": {"cpu": _cpu_model(), "cores": os.cpu_count(), "system": platform.system()},
        "versions": package_versions(),
        "figures": figures,
    }
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(f"Wrote {path}")
    return path


def read_rows(name: str, key: str = "rows") -> list[dict[str, Any]]:
    """What ``<name>.json`` holds under a key of its figures; nothing where it is not there."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["figures"][key]
    return rows


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
