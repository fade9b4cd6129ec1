"""Static Arm programs for Linux in the Unicorn emulator: the few system calls that ours make.

The kernel's side is written from its documented interface and shares nothing with the program:
standard streams, anonymous memory, a clock, and a V4L2 camera that shows given frames.
"""

import errno
import struct
from dataclasses import dataclass, field

import unicorn
from elftools.elf.elffile import ELFFile
from unicorn import arm64_const, arm_const

PAGE = 0x1000
STACK_TOP, STACK_BYTES = 0x7000_0000, 0x80_0000
MEMORY_BEGIN = 0x4000_0000  # of mmap
STDIN, STDOUT, STDERR, CAMERA = 0, 1, 2, 3
AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_ENTRY, AT_RANDOM = 3, 4, 5, 6, 7, 9, 25
AT_HWCAP, HWCAP_TLS = 16, 1 << 15
SVC = 2  # number of the exception

# System call numbers of each architecture (Linux arch/arm/tools/syscall.tbl,
# include/uapi/asm-generic/unistd.h).
CALLS = {
    "armv7": {
        3: "read", 4: "write", 5: "open", 6: "close", 322: "open_at", 45: "brk", 192: "mmap2",
        91: "nothing", 125: "nothing", 54: "ioctl", 146: "writev", 145: "readv", 263: "clock32",
        403: "clock64", 256: "nothing", 0xF0005: "set_tls", 168: "poll", 336: "poll", 414: "poll",
        221: "nothing", 175: "nothing", 248: "exit", 1: "exit", 140: "seek", 242: "affinity",
        163: "mremap", 345: "processor",
    },
    "aarch64": {
        63: "read", 64: "write", 56: "open_at", 57: "close", 214: "brk", 222: "mmap",
        215: "nothing", 226: "nothing", 29: "ioctl", 66: "writev", 65: "readv", 113: "clock64",
        96: "nothing", 73: "poll", 25: "nothing", 135: "nothing", 94: "exit", 93: "exit",
        62: "seek", 123: "affinity", 216: "mremap", 168: "processor",
    },
}  # fmt: skip


@dataclass
class Run:
    """What a program left.

    Attributes:
        status: Exit status.
        output: Standard output.
        complaint: Standard error.
    """

    status: int | None = None
    output: bytearray = field(default_factory=bytearray)
    complaint: bytearray = field(default_factory=bytearray)


class LinuxMachine:
    """One process on an emulated core.

    Args:
        path: A static ELF program.
        architecture: ``armv7`` or ``aarch64``.
        camera: Device behind ``/dev/video0``; None: there is none.
    """

    def __init__(self, path, architecture, camera=None):
        self.calls, self.camera, self.is_32 = CALLS[architecture], camera, architecture == "armv7"
        self.word = "<I" if self.is_32 else "<Q"
        if self.is_32:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_ARM)
            self.uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_A7)
            self.uc.reg_write(arm_const.UC_ARM_REG_C1_C0_2, 0xF << 20)  # NEON for everyone
            self.uc.reg_write(arm_const.UC_ARM_REG_FPEXC, 1 << 30)
            names = [f"UC_ARM_REG_R{i}" for i in range(7)]
            self.registers = [getattr(arm_const, name) for name in names]
            self.number, self.stack = arm_const.UC_ARM_REG_R7, arm_const.UC_ARM_REG_SP
        else:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
            names = [f"UC_ARM64_REG_X{i}" for i in range(7)]
            self.registers = [getattr(arm64_const, name) for name in names]
            self.number, self.stack = arm64_const.UC_ARM64_REG_X8, arm64_const.UC_ARM64_REG_SP
            self.uc.reg_write(arm64_const.UC_ARM64_REG_CPACR_EL1, 3 << 20)
        self.next_memory, self.clock_ns = MEMORY_BEGIN, 0
        self._load(path)

    def _load(self, path):
        with path.open("rb") as file:
            elf = ELFFile(file)
            self.entry = elf["e_entry"]
            self.headers = elf["e_phentsize"], elf["e_phnum"]
            self.headers_at = 0
            for segment in elf.iter_segments("PT_LOAD"):
                begin = segment["p_vaddr"] // PAGE * PAGE
                end = -(-(segment["p_vaddr"] + segment["p_memsz"]) // PAGE) * PAGE
                self._map(begin, end)
                self.uc.mem_write(segment["p_vaddr"], segment.data())
                if segment["p_offset"] == 0:
                    self.headers_at = segment["p_vaddr"] + elf["e_phoff"]
        self.uc.mem_map(STACK_TOP - STACK_BYTES, STACK_BYTES)

    def _map(self, begin, end):
        """Map what is not mapped yet, in whole regions: segments may share a page."""
        for low, high, _ in sorted(self.uc.mem_regions()):
            if low < end and begin <= high:
                self._map(begin, low)
                begin = high + 1
        if begin < end:
            self.uc.mem_map(begin, end - begin)

    def run(self, arguments, content=b""):
        """Run the program to its end.

        Args:
            arguments: With its name.
            content: Standard input.
        """
        self.result, self.content, self.read_bytes = Run(), content, 0
        self.uc.reg_write(self.stack, self._arguments(arguments))
        self.uc.hook_add(unicorn.UC_HOOK_INTR, self._on_exception)
        self.uc.emu_start(self.entry, 0)
        return self.result

    def _arguments(self, arguments):
        """The stack as the kernel leaves it: count, arguments, environment, facts."""
        at = STACK_TOP - PAGE
        addresses = []
        for text in arguments:
            self.uc.mem_write(at, text.encode() + b"\0")
            addresses.append(at)
            at += len(text.encode()) + 1
        entry_bytes, count = self.headers
        facts = {
            AT_PHDR: self.headers_at, AT_PHENT: entry_bytes, AT_PHNUM: count, AT_PAGESZ: PAGE,
            AT_BASE: 0, AT_ENTRY: self.entry, AT_RANDOM: STACK_TOP - 64, AT_HWCAP: HWCAP_TLS, 0: 0,
        }  # fmt: skip
        pairs = [number for pair in facts.items() for number in pair]
        words = [len(arguments), *addresses, 0, 0, *pairs]
        stack = (STACK_TOP - 2 * PAGE) // 16 * 16
        self.uc.mem_write(stack, b"".join(struct.pack(self.word, word) for word in words))
        return stack

    def _on_exception(self, uc, number, _):
        if number != SVC:
            raise RuntimeError(f"exception {number}")
        call = uc.reg_read(self.number)
        if call not in self.calls:
            raise RuntimeError(f"system call {call} is not emulated")
        arguments = [uc.reg_read(register) for register in self.registers]
        result = getattr(self, f"_{self.calls[call]}")(*arguments)
        uc.reg_write(self.registers[0], result & (0xFFFFFFFF if self.is_32 else 2**64 - 1))

    def _nothing(self, *_):
        return 0

    def _exit(self, status, *_):
        self.result.status = status
        self.uc.emu_stop()
        return 0

    def _affinity(self, _process, _size, address, *_):
        self.uc.mem_write(address, b"\1" + bytes(7))  # one processor
        return 8

    def _processor(self, address, *_):
        self.uc.mem_write(address, bytes(4))  # the first
        return 0

    def _set_tls(self, address, *_):
        self.uc.reg_write(arm_const.UC_ARM_REG_C13_C0_3, address)
        return 0

    def _brk(self, *_):
        return 0  # refused: the allocator then takes mmap

    def _mmap2(self, address, size, protection, flags, file, offset_pages, *_):
        return self._mmap(address, size, protection, flags, file, offset_pages * PAGE)

    def _mmap(self, _address, size, _protection, _flags, file, offset, *_):
        begin, size = self.next_memory, -(-size // PAGE) * PAGE
        self.uc.mem_map(begin, size)
        self.next_memory += size + PAGE
        if file == CAMERA:
            self.camera.mapped(offset, begin)
        return begin

    def _mremap(self, *_):
        return -errno.ENOMEM  # in place it cannot grow: the allocator then copies

    def _pieces(self, vector, count):
        size = struct.calcsize(self.word)
        for i in range(count):
            raw = self.uc.mem_read(vector + 2 * i * size, 2 * size)
            yield struct.unpack(f"<2{self.word[1]}", raw)

    def _write(self, file, address, size, *_):
        stream = {STDOUT: self.result.output, STDERR: self.result.complaint}[file]
        stream += self.uc.mem_read(address, size)
        return size

    def _writev(self, file, vector, count, *_):
        return sum(self._write(file, *piece) for piece in self._pieces(vector, count) if piece[1])

    def _read(self, _file, address, size, *_):
        piece = self.content[self.read_bytes : self.read_bytes + size]
        self.uc.mem_write(address, bytes(piece))
        self.read_bytes += len(piece)
        return len(piece)

    def _readv(self, file, vector, count, *_):
        return sum(self._read(file, *piece) for piece in self._pieces(vector, count))

    def _seek(self, *_):
        return -errno.ESPIPE

    def _clock32(self, _clock, address, *_):
        return self._clock(address, "<2i")

    def _clock64(self, _clock, address, *_):
        return self._clock(address, "<2q")

    def _clock(self, address, layout):
        self.clock_ns += 1_000_000
        self.uc.mem_write(address, struct.pack(layout, *divmod(self.clock_ns, 10**9)))
        return 0

    def _open(self, path, *_):
        name = bytes(self.uc.mem_read(path, 64)).split(b"\0")[0]
        return CAMERA if self.camera and name == b"/dev/video0" else -errno.ENOENT

    def _open_at(self, _folder, path, *_):
        return self._open(path)

    def _close(self, *_):
        return 0

    def _poll(self, *_):
        return 1 if self.camera.has_frame() else 0

    def _ioctl(self, file, code, address, *_):
        if file != CAMERA:
            return -errno.ENOTTY
        return self.camera.ioctl(self.uc, code & 0xFFFFFFFF, address, self.is_32)
