"""Walking a flatbuffer whose content is not to be trusted.

Every access is checked against the bounds of the file, nothing is allocated by what the file
claims, and the work is bounded: a small file whose tables all point at one long vector is refused.

Reference:
    https://flatbuffers.dev/internals/
"""

import struct
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_FORMATS = {
    "bool": struct.Struct("<B"),
    "int8": struct.Struct("<b"),
    "uint8": struct.Struct("<B"),
    "uint16": struct.Struct("<H"),
    "int32": struct.Struct("<i"),
    "uint32": struct.Struct("<I"),
    "uint64": struct.Struct("<Q"),
    "float32": struct.Struct("<f"),
}
_LITTLE_ENDIAN = {"int32": "<i4", "int64": "<i8", "float32": "<f4", "uint8": "<u1"}
# Elements that may be read in all: twice what any honest file holds, as each of its vectors is
# read once, plus the smallest files' share.
_WORK_PER_BYTE = 2
_WORK_MINIMUM = 100_000
MAX_TEXT_BYTES = 1024


class MalformedError(Exception):
    """The content breaks the rules of the format; the message says how."""


@dataclass
class Content:
    """The bytes of a file and how much of them has been read.

    Attributes:
        data: The whole file.
        work: Elements that may still be read.
    """

    data: bytes
    work: int = field(init=False)

    def __post_init__(self) -> None:
        self.work = _WORK_PER_BYTE * len(self.data) + _WORK_MINIMUM

    def scalar(self, position: int, dtype: str) -> int | float:
        """The number of this type at a position.

        Raises:
            MalformedError: It is not inside the file.
        """
        form = _FORMATS[dtype]
        self.need(position, form.size)
        value: int | float = form.unpack_from(self.data, position)[0]
        return value

    def integer(self, position: int, dtype: str) -> int:
        """The whole number of this type at a position."""
        return int(self.scalar(position, dtype))

    def need(self, position: int, size_bytes: int) -> None:
        """Refuse a range that is not inside the file."""
        if position < 0 or size_bytes < 0 or position + size_bytes > len(self.data):
            raise MalformedError(
                f"refers to bytes {position} to {position + size_bytes} of {len(self.data)}"
            )

    def spend(self, elements: int) -> None:
        """Count what is read; refuse a file that makes its reader read the same again and again."""
        self.work -= elements
        if self.work < 0:
            raise MalformedError("refers to the same bytes over and over")

    def vector(self, position: int, element_bytes: int) -> tuple[int, int]:
        """Where a vector's elements start, and how many there are."""
        count = self.integer(position, "uint32")
        self.need(position + 4, count * element_bytes)
        return position + 4, count


class Table:
    """One table of a flatbuffer.

    Fields are named by their slot: 0 is the first field of the schema's table.

    Args:
        content: The file.
        position: Where the table starts, bytes.

    Raises:
        MalformedError: The table or its vtable is not inside the file.
    """

    def __init__(self, content: Content, position: int) -> None:
        self._content = content
        self._position = position
        content.spend(1)
        self._vtable = position - content.integer(position, "int32")
        self._vtable_bytes = content.integer(self._vtable, "uint16")
        self._table_bytes = content.integer(self._vtable + 2, "uint16")
        content.need(self._vtable, self._vtable_bytes)
        content.need(position, self._table_bytes)
        if self._vtable_bytes < 4 or self._vtable_bytes % 2 or self._table_bytes < 4:
            raise MalformedError(f"has a damaged table at byte {position}")

    def _field(self, slot: int, size_bytes: int) -> int | None:
        """Position of a field, None where it is absent."""
        entry = 4 + 2 * slot
        if entry + 2 > self._vtable_bytes:
            return None
        offset = self._content.integer(self._vtable + entry, "uint16")
        if offset == 0:
            return None
        if offset < 4 or offset + size_bytes > self._table_bytes:
            raise MalformedError(f"has a damaged table at byte {self._position}")
        return self._position + offset

    def _target(self, slot: int) -> int | None:
        """What an offset field points to, None where it is absent."""
        position = self._field(slot, 4)
        if position is None:
            return None
        return position + self._content.integer(position, "uint32")

    def integer(self, slot: int, dtype: str, default: int = 0) -> int:
        """A whole number; the schema's default where the field is absent."""
        position = self._field(slot, _FORMATS[dtype].size)
        return default if position is None else self._content.integer(position, dtype)

    def real(self, slot: int, default: float = 0.0) -> float:
        """A float32; the schema's default where the field is absent."""
        position = self._field(slot, 4)
        return default if position is None else float(self._content.scalar(position, "float32"))

    def flag(self, slot: int) -> bool:
        """A truth value, false where the field is absent."""
        return bool(self.integer(slot, "bool"))

    def table(self, slot: int) -> "Table | None":
        """A table, None where the field is absent."""
        target = self._target(slot)
        return None if target is None else Table(self._content, target)

    def tables(self, slot: int) -> "list[Table]":
        """A vector of tables, empty where the field is absent."""
        target = self._target(slot)
        if target is None:
            return []
        start, count = self._content.vector(target, 4)
        self._content.spend(count)
        entries = range(start, start + 4 * count, 4)
        return [Table(self._content, e + self._content.integer(e, "uint32")) for e in entries]

    def numbers(self, slot: int, dtype: str, limit: int) -> list[float]:
        """A vector of numbers, empty where the field is absent.

        Args:
            slot: The field.
            dtype: Type of the elements.
            limit: Most elements that make sense.

        Raises:
            MalformedError: It has more, or is not inside the file.
        """
        target = self._target(slot)
        if target is None:
            return []
        form = np.dtype(_LITTLE_ENDIAN[dtype])
        start, count = self._content.vector(target, form.itemsize)
        if count > limit:
            raise MalformedError(f"has {count} values where at most {limit} make sense")
        self._content.spend(count)
        values: list[float] = np.frombuffer(self._content.data, form, count, start).tolist()
        return values

    def integers(self, slot: int, dtype: str, limit: int) -> list[int]:
        """A vector of whole numbers, empty where the field is absent."""
        return [int(value) for value in self.numbers(slot, dtype, limit)]

    def text(self, slot: int) -> str:
        """A text, cut off after ``MAX_TEXT_BYTES``; control characters are replaced."""
        target = self._target(slot)
        if target is None:
            return ""
        start, count = self._content.vector(target, 1)
        count = min(count, MAX_TEXT_BYTES)
        self._content.spend(count)
        raw = self._content.data[start : start + count].decode("utf-8", "replace")
        return "".join(c if c.isprintable() else "?" for c in raw)

    def raw(self, slot: int) -> npt.NDArray[np.uint8] | None:
        """A vector of bytes as a read-only view of the file, None where the field is absent."""
        target = self._target(slot)
        if target is None:
            return None
        start, count = self._content.vector(target, 1)
        return np.frombuffer(self._content.data, np.uint8, count, start)


def root_table(data: bytes) -> Table:
    """The root of a flatbuffer.

    Raises:
        MalformedError: The file is too short or its first offset leads outside.
    """
    content = Content(data)
    return Table(content, content.integer(0, "uint32"))
