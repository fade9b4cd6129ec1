"""Building a firmware project without CMake, and what its parts take of the board's memories."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tinydet.config.files import make_folder, write_text_atomically
from tinydet.notes import tell
from tinydet.targets.elf import Image, read_image
from tinydet.targets.firmware_project.placement import (
    LESS_FLASH,
    BoardFitError,
    boards_with_room,
    other_boards,
    outside,
)
from tinydet.targets.firmware_project.project import (
    BUILD_FOLDER,
    MODEL_FOLDER,
    STACK_BYTES,
    USER_FOLDER,
    FirmwareProject,
)
from tinydet.targets.footprint import KIB
from tinydet.targets.linker_script import linker_script
from tinydet.targets.toolchain import BuildError, Compiler, cortex_m_toolchain

ELF_FILE = "firmware.elf"
SCRIPT_FILE = "linker.ld"
NO_LIMIT = 0x0400_0000  # bytes; more than any program has, less than to the next memory


@dataclass(frozen=True)
class MemoryUse:
    """What a firmware takes of one memory.

    Attributes:
        name: Of the memory.
        parts: Sections in it and their bytes, in order of addresses.
        used_bytes: From its beginning to the end of the last part.
        size_bytes: Of the memory.
    """

    name: str
    parts: tuple[tuple[str, int], ...]
    used_bytes: int
    size_bytes: int

    @property
    def spare_bytes(self) -> int:
        """Left for the rest of an application."""
        return self.size_bytes - self.used_bytes


def build_firmware(
    project: FirmwareProject, *, compiler: Compiler = "zig", self_test: bool | None = None
) -> Path:
    """Compile and link a firmware as its CMake presets do.

    Kernels that are too large for the board's RAM for code stay in flash: ``linker.ld`` is written
    again.

    Args:
        project: The project; its files are read again, with what lies in ``user/``.
        compiler: ``zig`` or an installed ``arm-none-eabi-gcc``.
        self_test: With the self-test; None: if the project has one.

    Returns:
        Path of the ELF file, ``build/COMPILER[-self-test]/firmware.elf``.

    Raises:
        BoardFitError: The program does not fit.
        BuildError: The compiler refuses, perhaps what lies in ``user/``.
        MissingToolError: The compiler is not installed.
    """
    self_test = project.golden is not None if self_test is None else self_test
    folder = project.folder.resolve()
    preset = ("zig" if compiler == "zig" else "gcc") + ("-self-test" if self_test else "")
    elf = make_folder(folder / BUILD_FOLDER / preset) / ELF_FILE
    names = [*project.sources, *(("self_test.c", "golden.c") if self_test else ())]
    sources = [folder / name for name in names] + sorted((folder / USER_FOLDER).glob("*.c"))
    definitions = [*project.definitions, *(("TD_SELF_TEST", "TD_TRACE") if self_test else ())]
    options = [f"-I{folder}", f"-I{folder / MODEL_FOLDER}", *(f"-D{d}" for d in definitions)]

    def link(script: Path) -> Path:
        toolchain = cortex_m_toolchain(project.core, compiler, script)
        return toolchain.build(sources, elf, options)

    try:
        return link(folder / SCRIPT_FILE)
    except BuildError:
        uses = _use_without_limits(project, elf, link)
        if _only_kernels_miss(project, uses):
            return link(_with_kernels_in_flash(project, folder / SCRIPT_FILE))
        if all(use.spare_bytes >= 0 for use in uses):
            raise
        raise _too_large(project, uses, self_test=self_test) from None


def _with_kernels_in_flash(project: FirmwareProject, script: Path) -> Path:
    """The linker script, written again with the kernels beside the rest of the program."""
    memory = replace(project.memory, kernels=None)
    write_text_atomically(script, linker_script(memory, project.model_name, STACK_BYTES))
    tell(
        f"{project.board.name}: the kernels are too large for its RAM for code; they stay in flash."
    )
    return script


def _only_kernels_miss(project: FirmwareProject, uses: Sequence[MemoryUse]) -> bool:
    """Whether RAM for code is all that is too small."""
    kernels = project.memory.kernels
    short = [use.name for use in uses if use.spare_bytes < 0]
    return kernels is not None and short == [kernels.name]


def memory_use(project: FirmwareProject, elf: Path) -> tuple[MemoryUse, ...]:
    """What the linked firmware takes of each memory, in the order program, weights, data, arena.

    Raises:
        MissingToolError: pyelftools is not installed.
    """
    image = read_image(elf)
    regions = project.memory.regions()
    parts: dict[str, list[tuple[int, str, int]]] = {region.name: [] for region in regions}
    for name, address, size_bytes in _placed(image):
        region = max(
            (region for region in regions if region.address <= address),
            key=lambda region: region.address,
        )
        parts[region.name].append((address, name, size_bytes))
    uses = []
    for region in regions:
        placed = sorted(parts[region.name])
        end = max((address + size for address, _, size in placed), default=region.address)
        uses.append(
            MemoryUse(
                region.name,
                tuple((name, size) for _, name, size in placed),
                end - region.address,
                region.size_bytes,
            )
        )
    return tuple(uses)


def format_memory_use(uses: Sequence[MemoryUse]) -> str:
    """One line per memory, in KiB."""
    width = max(len(use.name) for use in uses)
    return "\n".join(
        f"{use.name:<{width}} {use.used_bytes / KIB:>8.1f} of {use.size_bytes / KIB:.0f} KiB used, "
        f"{use.spare_bytes / KIB:.1f} KiB to spare"
        for use in uses
    )


def _placed(image: Image) -> list[tuple[str, int, int]]:
    """``(name, address, bytes)`` of the sections, and of what initialises variables."""
    placed = [(s.name, s.address, s.size_bytes) for s in image.sections.values()]
    for name, what in ((".data", "data"), (".td_kernels", "kernels")):
        section = image.sections.get(name)
        if section is not None:
            copies = image.symbols[f"td_{what}_load"].address
            if copies != section.address:
                placed.append((f"{name} (copied from here)", copies, section.size_bytes))
    return placed


def _use_without_limits(
    project: FirmwareProject, elf: Path, link: Callable[[Path], Path]
) -> tuple[MemoryUse, ...]:
    """What a program that does not link would take of each memory; empty for another reason.

    It is linked once more, with memories that take any program.
    """
    memory = project.memory.resized(NO_LIMIT)
    script = elf.with_name("without_limits.ld")
    write_text_atomically(script, linker_script(memory, project.model_name, STACK_BYTES))
    try:
        return memory_use(project, link(script))
    except BuildError:
        return ()
    finally:
        script.unlink()
        elf.unlink(missing_ok=True)


def _too_large(
    project: FirmwareProject, uses: Sequence[MemoryUse], *, self_test: bool
) -> BoardFitError:
    missing = " and ".join(
        f"{-use.spare_bytes} bytes of {_kind(use.name)} are missing "
        f"({use.used_bytes} needed, {use.size_bytes} available)"
        for use in uses
        if use.spare_bytes < 0
    )
    program, board = project.memory.program, project.board
    flash_bytes = sum(
        use.used_bytes for use in uses if use.name in (program.name, project.memory.weights.name)
    )
    if board.program_ram:
        flash_bytes -= project.needs.arena_bytes + project.needs.data_bytes
    advice = "Leave the self-test out, lower alpha or the input size" if self_test else LESS_FLASH
    if project.memory.weights == program:
        advice += outside(board, "flash", "the weights")
    names = boards_with_room(project.needs, flash_bytes)
    return BoardFitError(board.name, missing, advice + other_boards(names))


def _kind(region_name: str) -> str:
    return "flash" if region_name == "FLASH" else f"memory ({region_name.replace('_', ' ')})"
