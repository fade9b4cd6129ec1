"""A Cortex-M behind a GDB server: which one it is, how it starts, why it faulted.

Addresses and bits: Armv7-M Architecture Reference Manual (DDI 0403), B3.2; Armv8-M is the same in
what is used here.
"""

import struct
from dataclasses import dataclass
from xml.parsers.expat import ExpatError, ParserCreate

from tinydet.targets.elf import Image
from tinydet.targets.gdb_remote.client import GdbClient
from tinydet.targets.gdb_remote.packets import BoardError

CPUID, VECTOR_TABLE = 0xE000ED00, 0xE000ED08
FAULT_STATUS = 0xE000ED28
MEMORY_FAULT_ADDRESS, BUS_FAULT_ADDRESS = 0xE000ED34, 0xE000ED38
ARM_IMPLEMENTER = 0x41  # in the CPUID register
# Part numbers of the CPUID register.
PARTS = {
    0xC20: "cortex-m0",
    0xC60: "cortex-m0+",
    0xC23: "cortex-m3",
    0xC24: "cortex-m4",
    0xC27: "cortex-m7",
    0xD20: "cortex-m23",
    0xD21: "cortex-m33",
    0xD22: "cortex-m55",
    0xD23: "cortex-m85",
}
# Bits of the fault status register, gravest first.
FAULTS = {
    16: "an instruction that this core does not have",
    17: "a jump to code that is not Thumb code",
    19: "a floating-point instruction while the FPU is off or absent",
    24: "an access to an address that is not aligned",
    25: "a division by zero",
    0: "a jump to an address that is not executable",
    1: "an access to protected memory",
    8: "a jump to memory that does not answer",
    9: "an access to memory that does not answer",
    10: "a write to memory that does not answer",
    4: "a stack that has overflowed",
    12: "a stack that has overflowed",
    20: "a stack that has overflowed",
}
BUS_ADDRESS_VALID, MEMORY_ADDRESS_VALID = 1 << 15, 1 << 7
BREAKPOINT_OPCODE = 0xBE  # high byte
STACKED_PROGRAM_COUNTER = 24  # bytes from the stack pointer, in an exception frame
VECTORS = "<7I"  # stack pointer, reset, NMI, hard fault, memory, bus and usage fault
VECTORS_BYTES = struct.calcsize(VECTORS)
FAULT_VECTORS = slice(2, 7)
THUMB_STATE, THUMB_STATE_A_PROFILE = 1 << 24, 1 << 5  # of the program status register
EXCEPTION_NUMBER = 0x1FF  # likewise; 0 in the main program
SP, PC, XPSR = 13, 15, 25
FAULT_SYMBOL = "td_fault"
M_PROFILE = "m-profile"  # in the name of a feature of every Cortex-M description
CHOOSE_PORT = "Connect to the port of the Cortex-M core that the program was built for."


@dataclass(frozen=True)
class Registers:
    """Numbers of the registers in the server's packets.

    Attributes:
        stack_pointer: sp.
        program_counter: pc.
        status: xpsr; or cpsr of a server that takes the core for one of the A profile.
        is_m_profile: It is xpsr.
    """

    stack_pointer: int = SP
    program_counter: int = PC
    status: int = XPSR
    is_m_profile: bool = True

    @property
    def thumb_state(self) -> int:
        """The status register of a core that is about to run Thumb code, outside exceptions."""
        return THUMB_STATE if self.is_m_profile else THUMB_STATE_A_PROFILE


def identify(client: GdbClient) -> tuple[str, Registers]:
    """The core behind the server.

    Returns:
        Its name (``cortex-m7``; ``cortex-m`` for one not known here), and its registers' numbers.

    Raises:
        BoardError: It is no Cortex-M.
    """
    architecture, is_m_profile, numbers = _read_description(client)
    if architecture and not architecture.startswith("arm"):
        raise BoardError(
            client.where, f"the core is not a Cortex-M but {architecture}", CHOOSE_PORT
        )
    name = _read_core_name(client)
    if name is None and not is_m_profile:
        raise BoardError(client.where, "the core is not a Cortex-M", CHOOSE_PORT)
    is_m_profile = is_m_profile or "cpsr" not in numbers
    registers = Registers(
        numbers.get("sp", SP),
        numbers.get("pc", PC),
        numbers.get("xpsr" if is_m_profile else "cpsr", XPSR),
        is_m_profile,
    )
    return name or "cortex-m", registers


def prepare(client: GdbClient, image: Image, registers: Registers) -> None:
    """Put the core where a reset would start the program: stack pointer, first instruction.

    Raises:
        BoardError: The server refuses.
    """
    table, vectors = vector_table(image)
    client.write(VECTOR_TABLE, table.to_bytes(4, "little"))  # emulators do without
    for number, value in (
        (registers.stack_pointer, vectors[0]),
        (registers.program_counter, vectors[1] & ~1),
    ):
        if not client.write_register(number, value):
            raise BoardError(
                client.where, f"register {number} cannot be set", "Restart the GDB server."
            )
    # Behind the program counter: some servers take its bit 0 for the state.
    client.write_register(registers.status, registers.thumb_state)


def vector_table(image: Image) -> tuple[int, tuple[int, ...]]:
    """Address of a program's vectors, and the first seven: stack, start, faults.

    Raises:
        ValueError: The image has none.
    """
    section = image.sections.get(".vectors") or image.sections.get(".isr_vector")
    for begin, content in image.segments:
        if section and begin <= section.address <= begin + len(content) - VECTORS_BYTES:
            offset = section.address - begin
            return section.address, struct.unpack_from(VECTORS, content, offset)
    raise ValueError("no vectors")


def fault_handlers(image: Image) -> set[int]:
    """Where the program goes after a fault.

    The firmware's own place for it, else the handlers: the firmware's handler of hard faults also
    passes over semihosting calls that nobody answers.
    """
    if FAULT_SYMBOL in image.symbols:
        return {image.symbols[FAULT_SYMBOL].address}
    return {address & ~1 for address in vector_table(image)[1][FAULT_VECTORS] if address}


def in_exception(client: GdbClient, registers: Registers) -> bool:
    """Whether the halted core handles an exception."""
    if not registers.is_m_profile:  # not told; at a handler it will be so
        return True
    return bool(client.read_register(registers.status) & EXCEPTION_NUMBER)


def describe_fault(client: GdbClient, image: Image, registers: Registers) -> str:
    """What went wrong where, of a core that stands at the start of a fault handler."""
    stack = client.read_register(registers.stack_pointer)
    try:
        where = client.read_word(stack + STACKED_PROGRAM_COUNTER)
        instruction = client.read(where & ~1, 2)
    except BoardError:  # the stack itself is gone, or the program went where no memory is
        return _fault_reason(client)
    reason = _fault_reason(client)
    if instruction[1] == BREAKPOINT_OPCODE:
        reason = "a breakpoint of its own, for the console (switch semihosting on in the server)"
    return f"{reason}, in {image.function_at(where)} ({where:#x})"


def _fault_reason(client: GdbClient) -> str:
    status = client.read_word(FAULT_STATUS)
    reasons = [text for bit, text in FAULTS.items() if status >> bit & 1]
    reason = reasons[0] if reasons else f"a fault (status {status:#010x})"
    if status & (BUS_ADDRESS_VALID | MEMORY_ADDRESS_VALID):
        source = BUS_FAULT_ADDRESS if status & BUS_ADDRESS_VALID else MEMORY_FAULT_ADDRESS
        reason += f" ({client.read_word(source):#x})"
    return reason


def _read_core_name(client: GdbClient) -> str | None:
    """Name by the CPUID register; None where there is none, or not one of Arm's Cortex-M."""
    try:
        cpuid = client.read_word(CPUID)
    except BoardError:
        return None
    return PARTS.get(cpuid >> 4 & 0xFFF) if cpuid >> 24 == ARM_IMPLEMENTER else None


def _read_description(client: GdbClient) -> tuple[str, bool, dict[str, int]]:
    """What the server says of the core.

    Returns:
        Architecture (``"arm"``; empty where it says nothing), whether it is called a Cortex-M, and
        register name -> number.
    """
    description = _Description()
    waiting = ["target.xml"]
    while waiting:
        document = client.document("features", waiting.pop(0))
        if document is not None:
            try:
                waiting += description.read(document)
            except ExpatError as error:
                raise BoardError(
                    client.where,
                    f"the server describes its core in a way that cannot be read ({error})",
                    "Try another version of the server.",
                ) from None
    return description.architecture, description.is_m_profile, description.numbers


class _Description:
    """What was read of a target description and the documents that it includes."""

    def __init__(self) -> None:
        self.architecture, self.is_m_profile = "", False
        self.numbers: dict[str, int] = {}
        self._seen: set[str] = set()
        self._next_number = 0

    def read(self, document: str) -> list[str]:
        """Take a document in; returns the names of those that it includes."""
        included: list[str] = []
        inside: list[str] = []

        def begin(tag: str, attributes: dict[str, str]) -> None:
            inside.append(tag)
            if tag == "feature":
                self.is_m_profile |= M_PROFILE in attributes.get("name", "")
            elif tag == "reg":
                number = int(attributes.get("regnum", self._next_number))
                self.numbers[attributes.get("name", "").lower()] = number
                self._next_number = number + 1
            elif tag == "xi:include" and attributes.get("href", "") not in self._seen:
                self._seen.add(attributes.get("href", ""))
                included.append(attributes.get("href", ""))

        def text(content: str) -> None:
            if inside[-1:] == ["architecture"]:
                self.architecture += content.strip()

        # Not by ElementTree: it wants the prefix "xi" declared, which QEMU does not do.
        parser = ParserCreate()
        parser.StartElementHandler = begin
        parser.EndElementHandler = lambda _: inside.pop()
        parser.CharacterDataHandler = text
        parser.Parse(document, True)
        return included
