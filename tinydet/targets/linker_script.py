"""The linker script of a Cortex-M image, from the memories it may use."""

from dataclasses import dataclass, replace
from pathlib import Path

from tinydet.marks import fill_marks

TEMPLATE = Path(__file__).parent / "firmware" / "cortex_m.ld"
KERNELS = ("td_conv", "td_depthwise_planar", "td_depthwise")  # nearly all cycles of a detector
_ENDINGS = (".o", ".c.o", ".c.obj")


@dataclass(frozen=True)
class MemoryRegion:
    """A piece of memory that the linker fills.

    Attributes:
        name: A name in C.
        address: Where it begins.
        size_bytes: Its length.
    """

    name: str
    address: int
    size_bytes: int

    @property
    def end(self) -> int:
        """Address behind it."""
        return self.address + self.size_bytes

    def line(self) -> str:
        """As in the MEMORY command.

        >>> MemoryRegion("FLASH", 0x08000000, 1024).line()
        'FLASH (rwx) : ORIGIN = 0x08000000, LENGTH = 0x00000400'
        """
        return (
            f"{self.name} (rwx) : ORIGIN = 0x{self.address:08X}, LENGTH = 0x{self.size_bytes:08X}"
        )


@dataclass(frozen=True)
class MemoryMap:
    """Which memory takes what. The same one may take several parts.

    Attributes:
        program: Vectors, code, constants, initial values of variables.
        weights: Constants of the model, and a built-in image.
        data: Stack, variables, detections.
        arena: The arena.
        kernels: The code of ``KERNELS``, which start-up copies there; None: in ``program``.
    """

    program: MemoryRegion
    weights: MemoryRegion
    data: MemoryRegion
    arena: MemoryRegion
    kernels: MemoryRegion | None = None

    def parts(self) -> dict[str, MemoryRegion]:
        """The region of each part, by its name in the script."""
        return {
            "PROGRAM": self.program,
            "WEIGHTS": self.weights,
            "DATA": self.data,
            "ARENA": self.arena,
            "KERNELS": self.kernels or self.program,
        }

    def regions(self) -> tuple[MemoryRegion, ...]:
        """Each region once."""
        return tuple(dict.fromkeys(self.parts().values()))

    def resized(self, size_bytes: int) -> "MemoryMap":
        """The same with every region of another size."""
        regions = self.parts().values()
        return MemoryMap(*(replace(region, size_bytes=size_bytes) for region in regions))

    def commands(self) -> str:
        """The MEMORY command and the names of the parts."""
        lines = "".join(f"    {region.line()}\n" for region in self.regions())
        aliases = "\n".join(
            f'REGION_ALIAS("{part}", {region.name})' for part, region in self.parts().items()
        )
        return f"MEMORY\n{{\n{lines}}}\n{aliases}"


def linker_script(memory: MemoryMap, model_name: str, stack_bytes: int) -> str:
    """The linker script.

    Args:
        memory: Where the parts go.
        model_name: Name of the model, the constants of whose C files get a section of their own.
        stack_bytes: Reserved for the stack.

    Returns:
        Its text.
    """
    text = TEMPLATE.read_text(encoding="utf-8")
    files = [*_objects(model_name), *_objects(f"{model_name}_weights")]
    kernels = [file for stem in KERNELS for file in _objects(stem)]
    values = {
        "MEMORIES": memory.commands(),
        "MODEL_TEXT": " ".join(f"{file}(.text .text.*)" for file in _objects(model_name)),
        "MODEL_CONSTANTS": " ".join(f"{file}(.rodata .rodata.*)" for file in files),
        "MODEL_FILES": " ".join(files),
        "KERNELS": " ".join(f"{file}(.text .text.*)" for file in kernels),
        "KERNEL_FILES": " ".join(kernels),
        "STACK_BYTES": str(stack_bytes),
    }
    return fill_marks(text, values)


def _objects(stem: str) -> list[str]:
    """Patterns of the objects that compilers make of a C file; those of ``td_STEM.c`` are others.

    >>> _objects("conv")[0]
    '*[!_0-9A-Za-z]conv.o'
    """
    return [f"*[!_0-9A-Za-z]{stem}{ending}" for ending in _ENDINGS]
