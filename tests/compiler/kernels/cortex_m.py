"""The kernels on an emulated Cortex-M core, called like those of ``native.Native``.

Each buffer ends right before an address that nothing is mapped to, so that reading or writing
behind it faults; what must not change is compared afterwards. Instructions are counted.
"""

import ctypes

import numpy as np

from tests.compiler.kernels.native import (
    KERNELS,
    PATTERN,
    WARNINGS,
    fill_structure,
    kernel_names,
    kernel_sources,
    structures,
)
from tinydet.compiler import VECTOR_CORES
from tinydet.targets.cortex_m import memory_of
from tinydet.targets.elf import read_image
from tinydet.targets.emulator import Machine
from tinydet.targets.emulator_hooks import BLOCK_COUNTER, build_hook
from tinydet.targets.linker_script import linker_script
from tinydet.targets.qemu import QemuMachine, build_plugin
from tinydet.targets.toolchain import CORES, FIRMWARE, cortex_m_toolchain

SLOTS_BEGIN, SLOT_BYTES, NUM_SLOTS = 0x6000_0000, 1 << 20, 12  # unmapped memory between slots
# In QEMU memory is everywhere there. Weights, image and output of a convolution, the first, fourth
# and fifth array, end where none follows.
QEMU_SLOTS_BEGIN, QEMU_ENDS = 0x6200_0000, {0: 0x2140_0000, 3: 0x0120_0000, 4: 0x2008_0000}
MAX_ARGUMENTS = 8
_CALLER = """\
#include "td_kernels.h"
typedef void (*kernel)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
int main(void);
void call_kernel(const uint32_t *a);
__attribute__((section(".td_startup"), used)) int main(void) { return 0; }
__attribute__((section(".td_startup"), used)) void call_kernel(const uint32_t *a) {
    ((kernel)(uintptr_t)a[0])(a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
}
__attribute__((section(".td_startup.entries"), used)) const void *const kernels[] = {
"""


def link_kernels(folder, core, *flags, compiler="zig"):
    """An image of all kernels; gives its path."""
    caller = folder / "caller.c"
    entries = "".join(f"    (const void *){name},\n" for name in kernel_names())
    caller.write_text(f"{_CALLER}{entries}}};\n")
    script = folder / "cortex_m.ld"
    script.write_text(linker_script(memory_of(core), "none", 65536))
    toolchain = cortex_m_toolchain(CORES[core], compiler, script)
    sources = [FIRMWARE / "startup.c", FIRMWARE / "runtime.c", caller, *kernel_sources()]
    return toolchain.build(sources, folder / "kernels.elf", [*WARNINGS, *flags, f"-I{KERNELS}"])


class EmulatedKernels:
    """Calls kernels of an image.

    Attributes:
        instructions: Executed in the last ``run``, all its calls together, with 20 or so for each
            of the calls themselves.
        stack_bytes: The deepest use of the stack in the last ``run``.
    """

    def __init__(self, image, core, folder):
        self._image = read_image(image)
        begin = QEMU_SLOTS_BEGIN if core in VECTOR_CORES else SLOTS_BEGIN
        self._slots = [begin + 2 * slot * SLOT_BYTES for slot in range(NUM_SLOTS)]
        self._ends = [slot + SLOT_BYTES for slot in self._slots]
        if core in VECTOR_CORES:
            self._machine = QemuMachine(self._image, image, build_plugin(folder))
            for index, end in QEMU_ENDS.items():
                self._ends[index] = end
        else:
            self._machine = Machine(self._image, core, build_hook(BLOCK_COUNTER, folder))
            for slot in self._slots:
                self._machine._uc.mem_map(slot, SLOT_BYTES)
        self._structures = structures(pointer=ctypes.c_uint32)
        self.instructions = self.stack_bytes = 0

    def has(self, function):
        """Whether the image has a function, also a static one."""
        return function in self._image.symbols

    def run(self, function, params, inputs, output, ranges=((),), scratch_bytes=None):
        """As ``native.Native.run``."""
        if not isinstance(output, np.ndarray):
            shape, dtype = output
            output = np.full(shape, PATTERN, np.uint8).astype(dtype)
        constant = []

        def place(array):
            end = self._ends[len(constant)]
            content = np.ascontiguousarray(array).tobytes()
            assert len(content) <= SLOT_BYTES
            assert len(constant) < NUM_SLOTS - 1
            self._machine.write(end - len(content), content)
            constant.append((end - len(content), content))
            return end - len(content)

        name, values = params
        if name is None:
            first = place(values)
        else:
            structure = fill_structure(self._structures[name](), values, place)
            first = place(np.frombuffer(bytes(structure), np.uint8))
        pointers = [place(array) if isinstance(array, np.ndarray) else None for array in inputs]
        untouched = list(constant)
        target = place(output)
        shared = [array or 0 for array in inputs if not isinstance(array, np.ndarray)]
        pointers = [target + shared.pop(0) if p is None else p for p in pointers] + [target]
        if scratch_bytes is not None:
            pointers.append(place(np.full(scratch_bytes, PATTERN, np.uint8)))
        self._call(function, [first, *pointers], ranges)
        for address, content in untouched:
            assert self._machine.read(address, len(content)) == content, "a constant was written to"
        content = self._machine.read(target, output.nbytes)
        return np.frombuffer(content, output.dtype).reshape(output.shape)

    def _call(self, function, pointers, ranges):
        self.instructions = self.stack_bytes = 0
        address = self._image.symbols[function].address | 1
        for begin_end in ranges:
            arguments = [address, *pointers, *(int(n) for n in begin_end)]
            words = np.zeros(MAX_ARGUMENTS, np.uint32)
            words[: len(arguments)] = arguments
            place = self._slots[-1]
            self._machine.write(place, words.tobytes())
            done = self._machine.call("call_kernel", place)
            self.instructions += done.instructions
            self.stack_bytes = max(self.stack_bytes, done.stack_bytes)
