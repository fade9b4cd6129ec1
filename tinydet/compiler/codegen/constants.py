"""NAME_weights.c and NAME_weights.h: the constants of a network. Equal tables are stored once."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tinydet.compiler.codegen import c_text
from tinydet.compiler.codegen.c_text import Struct

_C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "float32": "float",
}


class Constants:
    """Constants in the order in which they were first asked for.

    What only other constants point at is private to NAME_weights.c. The rest is public: its name
    starts with that of the network, so that two networks can be linked into one program.

    Args:
        network: Name of the network.

    Attributes:
        tables: Public structure -> the tables it points at, by their names.
    """

    def __init__(self, network: str) -> None:
        self.network = network
        self.tables: dict[str, tuple[str, ...]] = {}
        self._heading = ""
        self._definitions: list[str] = []
        self._declarations: list[str] = []
        self._names: dict[tuple[str, bytes, bool], str] = {}

    def heading(self, comment: str) -> None:
        """Say whose the following constants are, if any follow."""
        self._heading = comment + "\n"

    def table(
        self,
        values: npt.NDArray[np.generic],
        name: str,
        *,
        alignment: int = 1,
        public: bool = False,
    ) -> str:
        """Put a table of numbers there.

        Args:
            values: Any shape, at least one value; written in C order.
            name: Its name, where no equal table has one already.
            alignment: Bytes of which its address must be a multiple; 1 for what its type needs.
            public: Whether NAME.c uses it by its name.

        Returns:
            The name to use.
        """
        text = c_text.float32 if values.dtype == np.float32 else c_text.integer
        qualifier = f"_Alignas({alignment}) " if alignment > 1 else ""
        items = [text(value) for value in values.reshape(-1).tolist()]
        return self._array(qualifier, _C_TYPES[values.dtype.name], items, name, public)

    def records(
        self, c_type: str, rows: Iterable[Sequence[int]], name: str, *, public: bool = False
    ) -> str:
        """Put a table of structures of int32 there; see ``table``.

        Args:
            c_type: Name of the structure, as ``td_requant``.
            rows: The numbers of each, in the order of its fields.
            name: Its name, where no equal table has one already.
            public: Whether NAME.c uses it by its name.
        """
        return self._array("", c_type, [c_text.list_of(row) for row in rows], name, public)

    def structure(self, struct: Struct, name: str) -> str:
        """Put a public structure there, and give its name."""
        public_name = f"{self.network}_{name}"
        known = set(self._names.values())
        self.tables[public_name] = tuple(str(v) for _, v in struct.fields if v in known)
        self._define(c_text.structure(struct, public_name))
        self._declarations.append(f"extern const {struct.c_type} {public_name};")
        return public_name

    def source(self, origin: str, operators: Sequence[str]) -> str:
        """The text of NAME_weights.c.

        Args:
            origin: What the network was made from.
            operators: Names of the steps, the input first, for ``td_trace``.
        """
        names = "".join(f"    {c_text.string(name)},\n" for name in operators)
        return "\n".join(
            [
                f"{c_text.generated(f'{self.network}_weights.c', origin)}\n"
                f'#include "{self.network}_weights.h"\n',
                *self._definitions,
                f"#ifdef TD_TRACE\n{self._operators(len(operators))} = {{\n{names}}};\n#endif\n",
            ]
        )

    def header(self, origin: str, operators: Sequence[str]) -> str:
        """The text of NAME_weights.h; see ``source``."""
        guard = f"{self.network.upper()}_WEIGHTS_H"
        lines = [
            c_text.generated(f"{self.network}_weights.h", origin),
            f"/* The constants that {self.network}.c names: what each step is, by its number. */",
            f"#ifndef {guard}\n#define {guard}\n",
            f'#include "{self.network}.h"\n#include "td_kernels.h"\n',
            *self._declarations,
            f"\n#ifdef TD_TRACE\nextern {self._operators(len(operators))};\n#endif\n\n#endif\n",
        ]
        return "\n".join(lines)

    def _define(self, text: str) -> None:
        self._definitions.append(self._heading + text)
        self._heading = ""

    def _operators(self, count: int) -> str:
        return f"const char *const {self.network}_operators[{count}]"

    def _array(self, qualifier: str, c_type: str, items: list[str], name: str, public: bool) -> str:
        key = qualifier + c_type, "|".join(items).encode(), public
        if key not in self._names:
            if public:
                name = f"{self.network}_{name}"
                self._declarations.append(f"extern {qualifier}const {c_type} {name}[{len(items)}];")
            storage = qualifier if public else f"{qualifier}static "
            self._define(c_text.array(f"{storage}const {c_type}", name, items))
            self._names[key] = name
        return self._names[key]
