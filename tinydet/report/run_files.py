"""Reading a run folder of which any part may be absent or damaged.

Nothing here raises for a bad file: the file is noted, with the reason, and the report names it.
"""

import csv
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from tinydet.errors import TinydetError

State = Literal["shown", "missing", "broken"]
# A diverged training writes numbers that no axis can show: they are gaps, as nan and inf are.
LARGEST_DRAWN = 1e30
T = TypeVar("T")


@dataclass(frozen=True)
class FileState:
    """What became of one file that the report asked for.

    Attributes:
        path: Relative to the run folder (an example image: as its file gives it).
        state: Whether it is in the report.
        reason: Why not, for a broken file; else empty.
    """

    path: str
    state: State
    reason: str = ""


class RunFiles:
    """The files of one run folder; remembers each file asked for and what became of it.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._states: dict[str, FileState] = {}

    @property
    def states(self) -> list[FileState]:
        """Every file asked for, broken ones first, then the missing, then by path."""
        order = ("broken", "missing", "shown")
        return sorted(self._states.values(), key=lambda s: (order.index(s.state), s.path))

    def broken(self, path: str, reason: object) -> None:
        """Note that a file is there but cannot be used; the reason is cut to one line."""
        line = " ".join(str(reason).split())
        self._states[path] = FileState(path, "broken", line[:200])

    def missing(self, path: str) -> None:
        """Note that a file is not there."""
        self._states[path] = FileState(path, "missing")

    def shown(self, path: str) -> None:
        """Note that a file is in the report."""
        self._states[path] = FileState(path, "shown")

    def read(self, path: str, parse: Callable[[Path], T]) -> T | None:
        """What ``parse`` makes of a file, or None (noted) where it is missing or unusable.

        Args:
            path: Relative to the run folder, with forward slashes; an absolute path stands for
                itself.
            parse: Raises OSError, ValueError or TinydetError for an unusable file.
        """
        file = self.folder / path
        if not file.exists():
            self.missing(path)
            return None
        try:
            parsed = parse(file)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "content"
            self.broken(path, f"{place}: {first['msg']}")
            return None
        except (OSError, ValueError, RecursionError, TinydetError) as error:
            self.broken(path, f"{type(error).__name__}: {error}")
            return None
        self.shown(path)
        return parsed

    def text(self, path: str) -> str | None:
        """A UTF-8 text file."""
        return self.read(path, lambda file: file.read_text(encoding="utf-8"))

    def mapping(self, path: str) -> dict[str, Any] | None:
        """A JSON object; its NaN and infinities become None."""
        return self.read(path, _parse_mapping)

    def record(self, path: str, schema: type[T]) -> T | None:
        """A JSON file of a known schema: a dataclass, a model, or a list of these."""
        return self.read(path, lambda file: TypeAdapter(schema).validate_python(_parse_json(file)))

    def columns(self, path: str) -> dict[str, list[float]] | None:
        """The columns of a CSV table of numbers, in file order; an empty or odd cell is nan."""
        return self.read(path, _parse_columns)

    def size_bytes(self, path: str) -> int | None:
        """Size of a file of which only the size is shown."""
        return self.read(path, lambda file: file.stat().st_size)

    def names(self, folder: str) -> list[str]:
        """Names in a sub-folder, sorted; none where there is no such folder."""
        return sorted(path.name for path in (self.folder / folder).glob("*"))


def _parse_json(file: Path) -> Any:
    return json.loads(
        file.read_text(encoding="utf-8"),
        parse_constant=lambda _: None,
        parse_float=lambda text: value if math.isfinite(value := float(text)) else None,
    )


def _parse_mapping(file: Path) -> dict[str, Any]:
    content = _parse_json(file)
    if not isinstance(content, dict):
        raise ValueError(f"expected a JSON object, found {type(content).__name__}")  # noqa: TRY004
    return content


def _parse_columns(file: Path) -> dict[str, list[float]]:
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    if not rows:
        raise ValueError("the table has no rows")
    names = [name for name in rows[0] if isinstance(name, str)]
    return {name: [_number(row.get(name)) for row in rows] for name in names}


def _number(cell: object) -> float:
    try:
        value = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
    return value if abs(value) < LARGEST_DRAWN else math.nan
