"""The targets ``cortex-m4``, ``cortex-m7`` and ``cortex-m33``: linked images, emulated here."""

import threading
from functools import partial
from pathlib import Path
from typing import overload

import numpy as np

from tinydet.boxes import Detections
from tinydet.compiler import VECTOR_CORES, CompiledDetector, CompiledNetwork
from tinydet.config.files import make_folder, write_text_atomically
from tinydet.targets.base import (
    DETECTION,
    CodeArray,
    ImageArray,
    RawOutputs,
    check_input,
    to_detections,
)
from tinydet.targets.elf import Image, read_image
from tinydet.targets.emulator import FLASH_BEGIN, FLASH_BYTES, RAM_BEGIN, RAM_BYTES, Call, Machine
from tinydet.targets.emulator_hooks import BLOCK_COUNTER, build_hook
from tinydet.targets.linker_script import MemoryMap, MemoryRegion, linker_script
from tinydet.targets.qemu import QEMU_MEMORY, QemuMachine, build_plugin
from tinydet.targets.toolchain import (
    CORES,
    FIRMWARE,
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
    """

    def __init__(self, name: str = "cortex-m7", *, compiler: Compiler = "zig") -> None:
        self.name, self._core, self._compiler = name, CORES[name], compiler

    @overload
    def build(self, network: CompiledDetector, folder: Path, *options: str) -> "CortexMProgram": ...

    @overload
    def build(self, network: CompiledNetwork, folder: Path, *options: str) -> "CortexMNetwork": ...

    def build(self, network: CompiledNetwork, folder: Path, *options: str) -> "CortexMNetwork":
        """Compile and link, see ``link``; the program is ready to run."""
        image = read_image(self.link(network, folder, *options))
        if isinstance(network, CompiledDetector):
            return CortexMProgram(image, self.name, network, folder)
        return CortexMNetwork(image, self.name, network, folder)

    def link(self, network: CompiledNetwork, folder: Path, *options: str) -> Path:
        """Compile and link an image with vectors and start-up.

        Args:
            network: The network, or detector.
            folder: Where sources, objects and ``image.elf`` go.
            options: More ``-D`` options: ``-DTD_TRACE`` calls ``td_trace`` after every step,
                ``-DTD_SEMIHOSTING`` prints what a detector finds and exits (QEMU, debugger).

        Returns:
            Path of ``image.elf``.

        Raises:
            MissingToolError: The compiler is not installed.
            BuildError: The compiler refuses.
        """
        sources = write_sources(network, make_folder(folder).resolve())
        script = folder.resolve() / "cortex_m.ld"
        memory = memory_of(self.name)
        write_text_atomically(script, linker_script(memory, network.name, STACK_BYTES))
        main = "detect.c" if isinstance(network, CompiledDetector) else "run.c"
        own = [FIRMWARE / name for name in ("startup.c", "firmware.c", main, "runtime.c")]
        macros = [*model_macros(network, folder.resolve()), *options]
        toolchain = cortex_m_toolchain(self._core, self._compiler, script)
        return toolchain.build([*own, *sources], folder.resolve() / IMAGE_FILE, macros)


class CortexMNetwork:
    """A network in a linked image. Each thread has an emulated core of its own.

    Args:
        image: The linked program.
        core: Name of the target.
        network: What it was built of.
        folder: Where the counting hook of the emulator is built.
    """

    def __init__(self, image: Image, core: str, network: CompiledNetwork, folder: Path) -> None:
        self.image, self.core, self.network = image, core, network
        self._arena = image.symbols["td_arena"].address
        build_counter = build_plugin if core in VECTOR_CORES else partial(build_hook, BLOCK_COUNTER)
        self._hook = build_counter(folder.resolve())
        self._path = folder.resolve() / IMAGE_FILE
        self._of_thread = threading.local()

    def outputs(self, codes: CodeArray) -> dict[str, CodeArray]:
        """See ``NetworkProgram.outputs``."""
        self._call("run", *self._place_input(codes), self._arena)
        found = {}
        for member, tensor in self.network.outputs.items():
            address = self._call(member, self._arena).result
            content = self.machine().read(address, tensor.size_bytes)
            found[member] = np.frombuffer(content, tensor.dtype).reshape(tensor.shape[1:])
        return found

    def self_test(self) -> int:
        """See ``NetworkProgram.self_test``."""
        outside = () if self.network.input_mode == "image" else (self.image_address(),)
        return self._call("self_test", *outside, self._arena).result

    def measure_run(self, codes: CodeArray) -> Call:
        """Run the network; its count is split at the calls of the functions in ``NAME.c``."""
        return self._call("run", *self._place_input(codes), self._arena, split=True)

    def measure_inference(self, codes: CodeArray) -> Call:
        """Run all that an inference is."""
        return self.measure_run(codes)

    def image_address(self) -> int:
        """Where the program expects the input."""
        if self.network.input_mode != "image":
            return self.image.symbols["td_input"].address
        return self._call("input", self._arena).result

    def machine(self) -> Machine | QemuMachine:
        """The emulated core of this thread."""
        if not hasattr(self._of_thread, "machine"):
            self._of_thread.machine = (
                QemuMachine(self.image, self._path, self._hook)
                if self.core in VECTOR_CORES
                else Machine(self.image, self.core, self._hook)
            )
        machine: Machine | QemuMachine = self._of_thread.machine
        return machine

    def _place_input(self, codes: CodeArray) -> tuple[int, ...]:
        """Write the input to its place; returns the argument by which functions find it, if any."""
        address = self.image_address()
        self.machine().write(address, check_input(codes, self.network).tobytes())
        return () if self.network.input_mode == "image" else (address,)

    def _call(self, member: str, *arguments: int, split: bool = False) -> Call:
        return self.machine().call(f"{self.network.name}_{member}", *arguments, split=split)


class CortexMProgram(CortexMNetwork):
    """A detector in a linked image.

    Args:
        image: The linked program.
        core: Name of the target.
        detector: What it was built of.
        folder: Where the counting hook of the emulator is built.
    """

    def __init__(self, image: Image, core: str, detector: CompiledDetector, folder: Path) -> None:
        super().__init__(image, core, detector, folder)
        self.detector = detector
        self._found = image.symbols["td_detections"].address

    def run(self, image_u8: ImageArray) -> RawOutputs:
        """See ``Program.run``."""
        return RawOutputs(**self.outputs(image_u8))

    def detect(self, image_u8: ImageArray) -> Detections:
        """See ``Program.detect``."""
        count = self.measure_inference(image_u8).result
        content = self.machine().read(self._found, count * DETECTION.itemsize)
        return to_detections(np.frombuffer(content, DETECTION))

    def measure_inference(self, codes: CodeArray) -> Call:
        """Run network and box selection; the result is the number of detections."""
        image = self._place_input(codes) or (0,)
        return self._call("detect", *image, self._arena, self._found, self.detector.max_detections)
