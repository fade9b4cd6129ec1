"""The constant tables of a network in C. Equal tables are stored once."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tinydet.compiler.codegen import c_text

_C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "float32": "float",
}
_OTHER_THAN_INT32 = {"float32": c_text.float32}


class Constants:
    """Tables in the order in which they were first asked for.

    Attributes:
        texts: C definition of each table.
        data_bytes: What they take in flash.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.data_bytes = 0
        self._names: dict[tuple[str, bytes], str] = {}

    def table(self, values: npt.NDArray[np.generic], name: str, alignment: int = 1) -> str:
        """Put a table of numbers into the C file.

        Args:
            values: Any shape, at least one value; written in C order.
            name: Its name, where no equal table has one already.
            alignment: Bytes of which its address must be a multiple; 1 for what its type needs.

        Returns:
            The name to use.
        """
        c_type = _C_TYPES[values.dtype.name]
        text = _OTHER_THAN_INT32.get(values.dtype.name, c_text.integer)
        qualifier = f"_Alignas({alignment}) " if alignment > 1 else ""
        key = qualifier + c_type, values.tobytes()
        if key not in self._names:
            items = [text(v) for v in values.reshape(-1).tolist()]
            self._add(key, name, qualifier + c_text.array(c_type, name, items), values.nbytes)
        return self._names[key]

    def records(self, c_type: str, rows: Iterable[Sequence[int]], name: str) -> str:
        """Put a table of structures of int32 into the C file; see ``table``.

        Args:
            c_type: Name of the structure, as ``td_requant``.
            rows: The numbers of each, in the order of its fields.
            name: Its name, where no equal table has one already.
        """
        numbers = np.array(list(rows), np.int32)
        key = c_type, numbers.tobytes()
        if key not in self._names:
            items = [c_text.list_of(row) for row in numbers.tolist()]
            self._add(key, name, c_text.array(c_type, name, items), numbers.nbytes)
        return self._names[key]

    def _add(self, key: tuple[str, bytes], name: str, text: str, size_bytes: int) -> None:
        self._names[key] = name
        self.texts.append(text)
        self.data_bytes += size_bytes
