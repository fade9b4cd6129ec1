"""The constant tables of the generated C: which belong together, and what they take in flash."""

import re
from collections.abc import Iterable

from tinydet.targets.elf import Image
from tinydet.targets.footprint import WEIGHTS

# "static const td_conv_params conv_s8_4 = {" to "};", the brackets of arrays between.
_DEFINITION = re.compile(
    r"^[^\n=;]*\bconst\b[^\n=;]*?\b(\w+)(?:\[\w*\])* = \{(.*?)\};", re.M | re.S
)
_NAME = re.compile(r"[A-Za-z_]\w*")


class ConstantTables:
    """The constants of a model.

    Args:
        source: Text of its C files, which says which table points at which.
        image: The linked program, which says how large they are.

    Attributes:
        section_bytes: All of them, with the gaps between.
    """

    def __init__(self, source: str, image: Image) -> None:
        section = image.sections[WEIGHTS]
        end = section.address + section.size_bytes
        self.section_bytes = section.size_bytes
        self._sizes = {
            name: symbol.size_bytes
            for name, symbol in image.symbols.items()
            if section.address <= symbol.address < end
        }
        self._names_in = {
            name: {word for word in _NAME.findall(body) if word in self._sizes}
            for name, body in _DEFINITION.findall(source)
        }

    def size_bytes(self, names: Iterable[str]) -> int:
        """Bytes of tables and of all that they point at, each once; other names count nothing."""
        found: set[str] = set()
        todo = [name for name in names if name in self._sizes]
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += self._names_in.get(name, ())
        return sum(self._sizes[name] for name in found)
