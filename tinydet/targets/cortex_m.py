"""The targets ``cortex-m4``, ``cortex-m7`` and ``cortex-m33``: linked images, emulated here."""

import threading
from functools import partial
from pathlib import Path

import numpy as np

from tinydet.boxes import Detections
from tinydet.compiler import CompiledDetector
from tinydet.config.files import make_folder, write_text_atomically
from tinydet.targets.base import (
    DETECTION,
    ImageArray,
    Int8Array,
    RawOutputs,
    check_image,
    to_detections,
)
from tinydet.targets.elf import Image, read_image
from tinydet.targets.emulator import (
    BLOCK_COUNTER,
    FLASH_BEGIN,
    FLASH_BYTES,
    RAM_BEGIN,
    RAM_BYTES,
    Call,
    Machine,
    build_hook,
)
from tinydet.targets.linker_script import MemoryMap, MemoryRegion, linker_script
from tinydet.targets.qemu import QEMU_MEMORY, QemuMachine, build_plugin
from tinydet.targets.toolchain import (
    CORES,
    FIRMWARE,
    VECTOR_CORES,
    Compiler,
    cortex_m_toolchain,
    model_macros,
    write_sources,
)

STACK_BYTES = 64 * 1024  # what the image reserves; what is used of it is measured
IMAGE_FILE = "image.elf"
# The addresses of mps2-an500; large enough for every network, so that a model that fits no board
# is still measured.
_FLASH = MemoryRegion("FLASH", FLASH_BEGIN, FLASH_BYTES)
_RAM = MemoryRegion("RAM", RAM_BEGIN, RAM_BYTES)
MEMORY = MemoryMap(program=_FLASH, weights=_FLASH, data=_RAM, arena=_RAM)


def memory_of(core: str) -> MemoryMap:
    """The memories of the emulator of a core."""
    return QEMU_MEMORY if core in VECTOR_CORES else MEMORY


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

    def build(self, detector: CompiledDetector, folder: Path, *options: str) -> "CortexMProgram":
        """See ``Target.build`` and, for the options, ``link``."""
        image = self.link(detector, folder, *options)
        return CortexMProgram(read_image(image), self.name, detector, folder)

    def link(self, detector: CompiledDetector, folder: Path, *options: str) -> Path:
        """Compile and link an image with vectors and start-up.

        Args:
            detector: The detector.
            folder: Where sources, objects and ``image.elf`` go.
            options: More ``-D`` options: ``-DTD_TRACE`` calls ``td_trace`` after every step,
                ``-DTD_SEMIHOSTING`` prints the detections and exits (QEMU, debugger).

        Returns:
            Path of ``image.elf``.

        Raises:
            MissingToolError: The compiler is not installed.
            BuildError: The compiler refuses.
        """
        sources = write_sources(detector, make_folder(folder).resolve())
        script = folder.resolve() / "cortex_m.ld"
        write_text_atomically(script, linker_script(memory_of(self.name), detector.name, STACK_BYTES))
        own = [FIRMWARE / name for name in ("startup.c", "firmware.c", "runtime.c")]
        macros = [*model_macros(detector, folder.resolve()), *options]
        toolchain = cortex_m_toolchain(self._core, self._compiler, self._optimization, script)
        return toolchain.build([*own, *sources], folder.resolve() / IMAGE_FILE, macros)


class CortexMProgram:
    """A detector in a linked image. Each thread has an emulated core of its own.

    Args:
        image: The linked program.
        core: Name of the target.
        detector: What it was built of.
        folder: Where the counting hook of the emulator is built.
    """

    def __init__(self, image: Image, core: str, detector: CompiledDetector, folder: Path) -> None:
        self.image, self.core, self.detector = image, core, detector
        self._name = detector.name
        self._arena = image.symbols["td_arena"].address
        self._found = image.symbols["td_detections"].address
        build_counter = build_plugin if core in VECTOR_CORES else partial(build_hook, BLOCK_COUNTER)
        self._hook = build_counter(folder.resolve())
        self._path = folder.resolve() / IMAGE_FILE
        self._of_thread = threading.local()

    def run(self, image_u8: ImageArray) -> RawOutputs:
        """See ``Program.run``."""
        machine = self._machine()
        machine.call(f"{self._name}_run", *self._place_image(image_u8), self._arena)

        def output(member: str, shape: tuple[int, int]) -> Int8Array:
            address = machine.call(f"{self._name}_{member}", self._arena).result
            content = machine.read(address, shape[0] * shape[1])
            return np.frombuffer(content, np.int8).reshape(shape)

        return RawOutputs(
            output("scores", self.detector.scores_shape),
            output("deltas", self.detector.deltas_shape),
        )

    def detect(self, image_u8: ImageArray) -> Detections:
        """See ``Program.detect``."""
        count = self.measure_detect(image_u8).result
        content = self._machine().read(self._found, count * DETECTION.itemsize)
        return to_detections(np.frombuffer(content, DETECTION))

    def measure_run(self, image_u8: ImageArray) -> Call:
        """Run the network; its count is split at the calls of the functions in ``NAME.c``."""
        image = self._place_image(image_u8)
        return self._machine().call(f"{self._name}_run", *image, self._arena, split=True)

    def measure_detect(self, image_u8: ImageArray) -> Call:
        """Run network and box selection; the result is the number of detections."""
        image = self._place_image(image_u8) or (0,)
        return self._machine().call(
            f"{self._name}_detect", *image, self._arena, self._found, self.detector.max_detections
        )

    def image_address(self) -> int:
        """Where the program expects the input image."""
        if self.detector.input_mode != "image":
            return self.image.symbols["td_rgb"].address
        return self._machine().call(f"{self._name}_input", self._arena).result

    def _place_image(self, image_u8: ImageArray) -> tuple[int, ...]:
        """Write the image to its place; returns the argument by which functions find it, if any."""
        address = self.image_address()
        self._machine().write(address, check_image(image_u8, self.detector).tobytes())
        return () if self.detector.input_mode == "image" else (address,)

    def machine(self) -> Machine:
        """The emulated core of this thread, where that is one of Unicorn."""
        machine = self._machine()
        assert isinstance(machine, Machine)
        return machine

    def _machine(self) -> Machine | QemuMachine:
        if not hasattr(self._of_thread, "machine"):
            self._of_thread.machine = (
                QemuMachine(self.image, self._path, self._hook)
                if self.core in VECTOR_CORES
                else Machine(self.image, self.core, self._hook)
            )
        machine: Machine | QemuMachine = self._of_thread.machine
        return machine
