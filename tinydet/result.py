"""What every command gives back."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from tinydet.notebook import result_html

UNREADABLE = 2  # exit status: the work is done, but some files could not be read


def shown_path(path: str | Path) -> str:
    """A path as a message shows it: from the working folder where it lies in it, else whole."""
    whole = Path(path).resolve()
    try:
        return str(whole.relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere, or the working folder is gone
        return str(whole)


class Result:
    """Base of the results: a frozen dataclass that can be read by people and by machines.

    ``str(result)`` is the text that the command prints; a notebook shows it with all figures.
    """

    @property
    def exit_status(self) -> int:
        """Of the command line: 2 where ``unreadable`` names files."""
        return UNREADABLE if getattr(self, "unreadable", ()) else 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready mapping of all figures and paths."""
        if hasattr(self, "to_record"):
            return dict(plain(self.to_record()))
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]

    def to_json(self) -> str:
        """The same as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        return result_html(str(self), plain(self.to_dict()))


def plain(value: Any) -> Any:
    """Nested results as JSON has them: paths as text, records of what has one, None for NaN."""
    if isinstance(value, Result):
        return value.to_dict()
    if hasattr(value, "to_record"):
        return plain(value.to_record())
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value
