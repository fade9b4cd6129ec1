"""Pieces of C as text: comments, strings, arrays, initializers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

LINE_WIDTH = 100
INT32_MIN = -(2**31)
_C_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
# Keywords of C11 and C++20 that are no macros; a model of such a name would not compile.
_KEYWORD_LINES = (
    "alignas alignof and asm auto bool break case catch char class concept const continue default",
    "delete do double else enum explicit export extern false float for friend goto if inline int",
    "long main mutable namespace new not nullptr operator or private protected public register",
    "requires restrict return short signed sizeof static struct switch template this throw true",
    "try typedef typeid typename union unsigned using virtual void volatile while xor",
)
_KEYWORDS = frozenset(word for line in _KEYWORD_LINES for word in line.split())


@dataclass(frozen=True)
class Struct:
    """A constant structure of the generated C.

    Attributes:
        c_type: Its type, as ``"td_conv_params"``.
        fields: Name and value of each field: a number, or C text such as the name of an array.
    """

    c_type: str
    fields: tuple[tuple[str, int | str], ...]


def is_c_name(name: str) -> bool:
    """Whether a name can start the names of C functions: letters, digits and _, no keyword.

    Names that start with ``td_`` belong to the kernels.

    >>> is_c_name("person_192"), is_c_name("192_person"), is_c_name("float")
    (True, False, False)
    """
    valid = _C_NAME.fullmatch(name) is not None
    return valid and name not in _KEYWORDS and not name.lower().startswith("td_")


def comment(text: str) -> str:
    """A C comment on one line; what would end it, nest it or is not printable ASCII is replaced.

    >>> comment("a/*b*/c")
    '/* a/ *b* /c */'
    """
    printable = "".join(c if " " <= c <= "~" else "?" for c in text)
    for pair in ("/*", "*/", "??"):
        printable = printable.replace(pair, f"{pair[0]} {pair[1]}")
    return f"/* {printable} */"


def string(text: str) -> str:
    r"""A C string literal of the UTF-8 bytes of a text.

    >>> print(string('a "b" ?\\'), string("\u00e9"))
    "a \"b\" \?\\" "\303\251"
    """
    escaped = {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?"}
    return (
        '"'
        + "".join(
            escaped.get(byte, chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}")
            for byte in text.encode("utf-8")
        )
        + '"'
    )


def integer(value: int) -> str:
    """An integer constant of type int32_t.

    >>> integer(-5), integer(-2147483648)
    ('-5', '(-2147483647 - 1)')
    """
    return "(-2147483647 - 1)" if value == INT32_MIN else str(value)


def float32(value: float) -> str:
    """A float constant that reads back as exactly this float32.

    Raises:
        ValueError: It is infinite or not a number.

    >>> float32(0.1), float32(2)
    ('0.1f', '2.0f')
    """
    number = np.float32(value)
    if not isfinite(number):
        raise ValueError(f"{value!r} is no float32")
    text = np.format_float_scientific(number, unique=True, trim="0")
    short = np.format_float_positional(number, unique=True, trim="0")
    return (short if len(short) <= len(text) else text) + "f"


def list_of(values: Iterable[int]) -> str:
    """``{1, 2, 3}``."""
    return "{" + ", ".join(integer(v) for v in values) + "}"


def array(c_type: str, name: str, items: Sequence[str]) -> str:
    """A static constant array, wrapped at the line width.

    Args:
        c_type: Type of an element.
        name: Name of the array.
        items: C text of each element, at least one.
    """
    widest = max(map(len, items))
    per_line = max(1, (LINE_WIDTH - 4) // (widest + 1))
    lines = [
        "    " + ",".join(items[start : start + per_line]) + ","
        for start in range(0, len(items), per_line)
    ]
    return f"static const {c_type} {name}[{len(items)}] = {{\n" + "\n".join(lines) + "\n};\n"


def structure(struct: Struct, name: str) -> str:
    """A static constant structure, one field a line."""
    fields = "".join(
        f"    .{field} = {integer(value) if isinstance(value, int) else value},\n"
        for field, value in struct.fields
    )
    return f"static const {struct.c_type} {name} = {{\n{fields}}};\n"
