"""The targets ``cortex-m4``, ``cortex-m7`` and ``cortex-m33``: linked images, emulated here."""

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinydet.boxes import Detections
from tinydet.config.files import make_folder, write_text_atomically
from tinydet.targets.base import (
    DETECTION,
    CompiledModel,
    ImageArray,
    ModelShape,
    RawOutputs,
    check_image,
    to_detections,
)
from tinydet.targets.elf import Image, read_image
from tinydet.targets.emulator import (
    FLASH_BEGIN,
    FLASH_BYTES,
    RAM_BEGIN,
    RAM_BYTES,
    Call,
    Machine,
    TracePoint,
    build_block_counter,
)
from tinydet.targets.linker_script import MemoryMap, MemoryRegion, linker_script
from tinydet.targets.toolchain import (
    FIRMWARE,
    Compiler,
    Toolchain,
    arm_gcc,
    model_macros,
    write_sources,
    zig_cc,
)

STACK_BYTES = 64 * 1024  # what the image reserves; what is used of it is measured
IMAGE_FILE = "image.elf"
# The addresses of mps2-an500; large enough for every network, so that a model that fits no board
# is still measured.
_FLASH = MemoryRegion("FLASH", FLASH_BEGIN, FLASH_BYTES)
_RAM = MemoryRegion("RAM", RAM_BEGIN, RAM_BYTES)
MEMORY = MemoryMap(program=_FLASH, weights=_FLASH, data=_RAM, arena=_RAM)


@dataclass(frozen=True)
class Core:
    """A processor and how the compilers call it.

    Attributes:
        zig: ``-mcpu`` of zig cc.
        gcc: Machine flags of arm-none-eabi-gcc.
    """

    zig: str
    gcc: tuple[str, ...]


CORES = {
    "cortex-m4": Core("cortex_m4+vfp4d16sp", ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16")),
    "cortex-m7": Core("cortex_m7+fp_armv8d16sp", ("-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16")),
    "cortex-m33": Core("cortex_m33+dsp+fp_armv8d16sp", ("-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16")),
}


class CortexMTarget:
    """A Cortex-M core with a single-precision FPU.

    Args:
        name: ``cortex-m4``, ``cortex-m7`` or ``cortex-m33``.
        compiler: ``zig`` (comes with tinydet[compile]) or an installed ``arm-none-eabi-gcc``.
        optimization: ``-O`` level, as ``"2"`` or ``"s"``.
    """

    def __init__(
        self, name: str = "cortex-m7", *, compiler: Compiler = "zig", optimization: str = "2"
    ) -> None:
        self.name, self._core = name, CORES[name]
        self._compiler, self._optimization = compiler, optimization

    def build(self, model: CompiledModel, folder: Path) -> "CortexMProgram":
        """See ``Target.build``."""
        image = self.link(model, folder)
        return CortexMProgram(read_image(image), self.name, model, folder)

    def link(self, model: CompiledModel, folder: Path, *options: str) -> Path:
        """Compile and link an image with vectors and start-up.

        Args:
            model: The generated C.
            folder: Where sources, objects and ``image.elf`` go.
            options: More ``-D`` options: ``-DTD_TRACE`` calls ``td_trace`` after every step,
                ``-DTD_SEMIHOSTING`` prints the detections and exits (QEMU, debugger).

        Returns:
            Path of ``image.elf``.

        Raises:
            MissingToolError: The compiler is not installed.
            BuildError: The compiler refuses.
        """
        sources = write_sources(model, make_folder(folder).resolve())
        script = folder.resolve() / "cortex_m.ld"
        write_text_atomically(script, linker_script(MEMORY, model.name, STACK_BYTES))
        own = [FIRMWARE / name for name in ("startup.c", "firmware.c", "shape.c", "runtime.c")]
        macros = [*model_macros(model, folder.resolve()), *options]
        return self._toolchain(script).build(
            [*own, *sources], folder.resolve() / IMAGE_FILE, macros
        )

    def _toolchain(self, script: Path) -> Toolchain:
        flags = (f"-O{self._optimization}", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
        linker = ("-nostdlib", f"-Wl,-T,{script}", "-Wl,--gc-sections", "-Wl,-e,td_reset")
        if self._compiler == "zig":
            zig_machine = ("-target", "thumb-freestanding-eabihf", f"-mcpu={self._core.zig}")
            return Toolchain("zig cc", zig_cc(*zig_machine), flags, linker)
        machine = ("-mthumb", "-mfloat-abi=hard", *self._core.gcc)
        libraries = (*linker, "-lgcc")
        return Toolchain(self._compiler, arm_gcc(*machine), flags, libraries, keeps_names=False)


class CortexMProgram:
    """A model in a linked image. Each thread has an emulated core of its own.

    Args:
        image: The linked program.
        core: Name of the target.
        model: What it was built of.
        folder: Where the counting hook of the emulator is built.
    """

    def __init__(self, image: Image, core: str, model: CompiledModel, folder: Path) -> None:
        self.image, self.core, self.name = image, core, model.name
        self.input_mode = model.input_mode
        self.shape: ModelShape = image.shape()
        self._arena = image.symbols["td_arena"].address
        self._found = image.symbols["td_detections"].address
        self._hook = build_block_counter(folder.resolve())
        self._of_thread = threading.local()

    def run(self, image_u8: ImageArray) -> RawOutputs:
        """See ``Program.run``."""
        machine = self._machine()
        machine.call(f"{self.name}_run", *self._place_image(image_u8), self._arena)
        scores, deltas = (
            np.frombuffer(
                machine.read(machine.call(f"{self.name}_{part}", self._arena).result, rows * width),
                np.int8,
            ).reshape(rows, width)
            for part, (rows, width) in (
                ("scores", self.shape.scores_shape),
                ("deltas", self.shape.deltas_shape),
            )
        )
        return RawOutputs(scores, deltas)

    def detect(self, image_u8: ImageArray) -> Detections:
        """See ``Program.detect``."""
        count = self.measure_detect(image_u8).result
        content = self._machine().read(self._found, count * DETECTION.itemsize)
        return to_detections(np.frombuffer(content, DETECTION))

    def measure_run(self, image_u8: ImageArray) -> Call:
        """Run the network; its count is split at the calls of the functions in ``NAME.c``."""
        image = self._place_image(image_u8)
        return self._machine().call(f"{self.name}_run", *image, self._arena, split=True)

    def measure_detect(self, image_u8: ImageArray) -> Call:
        """Run network and box selection; the result is the number of detections."""
        image = self._place_image(image_u8) or (0,)
        return self._machine().call(
            f"{self.name}_detect", *image, self._arena, self._found, self.shape.max_detections
        )

    def trace(self, image_u8: ImageArray) -> list[TracePoint]:
        """What each step of a build with ``-DTD_TRACE`` computed.

        Returns:
            Operators and all bytes of their outputs, in the order in which they began; empty for
            another build.
        """
        outputs: dict[str, list[bytes]] = {}
        image = self._place_image(image_u8)
        for point in self._machine().trace(f"{self.name}_run", *image, self._arena):
            outputs.setdefault(point.op, []).append(point.output)
        return [TracePoint(op, b"".join(rows)) for op, rows in outputs.items()]

    def image_address(self) -> int:
        """Where the program expects the input image."""
        if self.input_mode != "image":
            return self.image.symbols["td_rgb"].address
        return self._machine().call(f"{self.name}_input", self._arena).result

    def _place_image(self, image_u8: ImageArray) -> tuple[int, ...]:
        """Write the image to its place; returns the argument by which functions find it, if any."""
        address = self.image_address()
        self._machine().write(address, check_image(image_u8, self.shape).tobytes())
        return () if self.input_mode == "image" else (address,)

    def machine(self) -> Machine:
        """The emulated core of this thread."""
        return self._machine()

    def _machine(self) -> Machine:
        if not hasattr(self._of_thread, "machine"):
            self._of_thread.machine = Machine(self.image, self.core, self._hook)
        machine: Machine = self._of_thread.machine
        return machine
