"""What a program asks of the debugger: text to print, the end.

Arm semihosting (ARM IHI 0100): an instruction ``bkpt 0xAB`` with the operation in r0 and its
parameter in r1. Servers that handle it themselves never show it here.
"""

from tinydet.targets.gdb_remote.client import GdbClient
from tinydet.targets.gdb_remote.packets import BoardError, Stop

INSTRUCTION = bytes.fromhex("abbe")  # bkpt 0xAB
WRITE_CHARACTER, WRITE_TEXT, WRITE_BUFFER = 0x03, 0x04, 0x05
EXIT, EXIT_EXTENDED = 0x18, 0x20
NOT_SUPPORTED = 0xFFFFFFFF
MAX_TEXT_BYTES = 4096
READ_BYTES = 64
STANDARD_STREAMS = ("1", "2")
ENDED = "ended"


def handle(client: GdbClient, program_counter: int, register_number: int) -> str | None:
    """Do what the semihosting instruction at the program counter asks.

    Args:
        client: A halted board.
        program_counter: Where it stands.
        register_number: Of the program counter.

    Returns:
        None where there is no such instruction; ``"ended"`` where the program wants to end; else
        what it printed, perhaps nothing: it can be resumed.
    """
    try:
        if client.read(program_counter, len(INSTRUCTION)) != INSTRUCTION:
            return None
    except BoardError:
        return None
    operation, parameter = client.read_register(0), client.read_register(1)
    if operation in (EXIT, EXIT_EXTENDED):
        return ENDED
    text, result = "", NOT_SUPPORTED
    if operation == WRITE_CHARACTER:
        text, result = client.read(parameter, 1).decode("latin-1"), 0
    elif operation == WRITE_TEXT:
        text, result = read_text(client, parameter), 0
    elif operation == WRITE_BUFFER:
        address, count = (client.read_word(parameter + offset) for offset in (4, 8))
        text = client.read(address, min(count, MAX_TEXT_BYTES)).decode("utf-8", "replace")
        result = 0
    client.write_register(0, result)
    client.write_register(register_number, program_counter + len(INSTRUCTION))
    return text


def handle_file_request(client: GdbClient, stop: Stop) -> str:
    """Do what a server hands on of a program's semihosting; returns what it printed."""
    name, *numbers = stop.arguments
    if name != "write" or len(numbers) != 3 or numbers[0] not in STANDARD_STREAMS:
        client.answer_file_request(-1)
        return ""
    values = [int(number, 16) for number in numbers]
    text = client.read(values[1], min(values[2], MAX_TEXT_BYTES)).decode("utf-8", "replace")
    client.answer_file_request(values[2])
    return text


def read_text(client: GdbClient, address: int) -> str:
    """A zero-terminated string in the board's memory."""
    content = b""
    while b"\0" not in content and len(content) < MAX_TEXT_BYTES:
        content += client.read(address + len(content), READ_BYTES)
    return content.partition(b"\0")[0].decode("utf-8", "replace")
