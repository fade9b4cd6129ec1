"""Timing on a connected board: load the self-test, run it, check it, read what it measured."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinydet.targets.elf import Image
from tinydet.targets.gdb_remote.client import GdbClient
from tinydet.targets.gdb_remote.cortex_m import (
    Registers,
    describe_fault,
    fault_handlers,
    identify,
    in_exception,
    prepare,
)
from tinydet.targets.gdb_remote.memory_map import (
    DoesNotFit,
    Piece,
    Region,
    check_reserved,
    split_by_region,
)
from tinydet.targets.gdb_remote.packets import AnswerTimeout, BoardError
from tinydet.targets.gdb_remote.self_test import (
    END_SYMBOL,
    PARKING_SYMBOL,
    RESULT,
    RESULT_SYMBOL,
    SelfTestResult,
    parse_result,
    read_self_test_image,
)
from tinydet.targets.gdb_remote.semihosting import ENDED, handle, handle_file_request, read_text

DEFAULT_TIMEOUT_S = 60.0
RESET_COMMANDS = ("reset halt", "reset")  # OpenOCD and pyOCD; J-Link and ST-LINK
REPORT_REMEDY = "Run it again; if the problem persists, please report it with the model."


@dataclass(frozen=True)
class BoardTiming:
    """One inference on a board whose every operator gave what it gives on the PC.

    Attributes:
        server: As ``gdb://localhost:3333``.
        core: Of the processor, as it names itself: ``cortex-m7``.
        cycles: Of the processor; None where the core counts none (emulators).
        clock_hz: As given by the user; None where not.
        num_operators: Whose output was compared, preprocessing and boxes included.
        stack_bytes: Deepest stack of the inference.
        num_detections: In the image of the self-test.
        image_bytes: What was written to the board.
        output: What the program printed.
    """

    server: str
    core: str
    cycles: int | None
    clock_hz: float | None
    num_operators: int
    stack_bytes: int
    num_detections: int
    image_bytes: int
    output: str = ""

    @property
    def ms(self) -> float | None:
        """Milliseconds of one inference; None without cycles or clock."""
        if self.cycles is None or self.clock_hz is None:
            return None
        return self.cycles / self.clock_hz * 1000

    def to_record(self) -> dict[str, Any]:
        """JSON-ready mapping."""
        return asdict(self) | {"ms": self.ms}


def benchmark_via_gdb(
    elf: Path,
    host: str,
    port: int,
    *,
    clock_hz: float | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> BoardTiming:
    """Time one inference on a board behind a GDB server, and check its result there.

    The self-test ELF is written to the board (flash through the server where the memory is flash),
    read back, and run until it is done. On every way out, Ctrl-C included, the core is halted,
    breakpoints are taken away and the server is let go.

    Args:
        elf: Self-test firmware for this board.
        host: Where the GDB server listens (OpenOCD, pyOCD, ST-LINK, J-Link, QEMU).
        port: Its TCP port.
        clock_hz: Clock of the core, to turn cycles into milliseconds; None: cycles only.
        timeout_s: Longest time for the program to run.

    Returns:
        The timing.

    Raises:
        BoardError: Server or board cannot be reached, is of another kind, is too small, does not
            keep what is written, faults, does not come to an end, or computes something else.
        MissingToolError: pyelftools is not installed.
    """
    image = read_self_test_image(elf)
    with GdbClient(host, port) as client:
        core, registers = identify(client)
        pieces = _fit(client, image)
        _reset(client)
        client.load(pieces)
        client.verify(pieces)
        output = _run(client, image, registers, timeout_s)
        content = client.read(image.symbols[RESULT_SYMBOL].address, RESULT.size)
        result = _check(client, parse_result(content))
    return BoardTiming(
        server=client.where,
        core=core,
        cycles=result.cycles,
        clock_hz=clock_hz,
        num_operators=result.num_operators,
        stack_bytes=result.stack_bytes,
        num_detections=result.num_detections,
        image_bytes=sum(len(piece.content) for piece in pieces),
        output=output,
    )


def format_board_timing(timing: BoardTiming) -> str:
    """The timing for people, as a few lines."""
    cycles = "not counted by this core" if timing.cycles is None else f"{timing.cycles:,} cycles"
    if timing.ms is not None and timing.clock_hz is not None:
        time_text = f"{timing.ms:.2f} ms at {timing.clock_hz / 1e6:g} MHz ({cycles})"
    elif timing.cycles is not None:
        time_text = f"{cycles}; give the clock of the core for milliseconds"
    else:
        time_text = cycles
    test = f"{timing.num_operators} operators, {timing.num_detections} detections as on the PC"
    rows = [
        ("board", f"{timing.core} behind {timing.server}"),
        ("self-test", f"passed: {test}"),
        ("inference", time_text),
        ("stack", f"{timing.stack_bytes} bytes"),
    ]
    return "\n".join(f"{name:<10} {text}" for name, text in rows)


def _fit(client: GdbClient, image: Image) -> list[Piece]:
    """The program cut by the memories of the board."""
    regions = client.memory_map()
    try:
        pieces = split_by_region(image.segments, regions)
        reserved = [s for s in image.sections.values() if s.writable or not s.loaded]
        check_reserved([(s.address, s.size_bytes) for s in reserved], regions)
    except DoesNotFit as problem:
        raise _too_large(client, problem, regions) from None
    return pieces


def _too_large(client: GdbClient, problem: DoesNotFit, regions: Sequence[Region]) -> BoardError:
    region = problem.region
    if region is not None:
        where = f"the {region.kind} at {region.address:#x} ({region.size_bytes // 1024} KiB)"
        found = f"the program is {problem.size_bytes} bytes too large for {where}"
        remedy = "Choose a smaller input or alpha, or a board with more memory."
        return BoardError(client.where, found, remedy)
    known = ", ".join(f"{r.kind} {r.address:#x}-{r.end:#x}" for r in regions if r.kind != "rom")
    found = f"the board has no memory at {problem.address:#x} (it has: {known})"
    return BoardError(client.where, found, "Build the firmware for the board that is connected.")


def _reset(client: GdbClient) -> None:
    """Bring the chip to its reset state, halted, where the server knows how."""
    for command in RESET_COMMANDS:
        printed = client.monitor(command)
        if printed is not None and "unknown command" not in printed:
            return


def _run(client: GdbClient, image: Image, registers: Registers, timeout_s: float) -> str:
    """Run the program to its end; returns what it printed."""
    prepare(client, image, registers)
    if PARKING_SYMBOL in image.symbols:
        client.park_at(registers.program_counter, image.symbols[PARKING_SYMBOL].address)
    for address in (image.symbols[END_SYMBOL].address, *sorted(fault_handlers(image))):
        client.set_breakpoint(address)
    deadline = time.monotonic() + timeout_s
    client.resume()
    while True:
        try:
            stop = client.wait(deadline)
        except AnswerTimeout:
            raise _still_running(client, image, registers, timeout_s) from None
        if stop.kind == "file":
            client.output.append(handle_file_request(client, stop))
        elif stop.kind == "signal":
            printed = _at_stop(client, image, registers, stop.number)
            if printed is None:
                return "".join(client.output)
            client.output.append(printed)
            client.resume()
        else:
            found = f"the program ended with {stop.kind} {stop.number} before it finished"
            raise BoardError(client.where, found, REPORT_REMEDY)


def _at_stop(client: GdbClient, image: Image, registers: Registers, signal: int) -> str | None:
    """What the halted program printed by semihosting; None at its end.

    Raises:
        BoardError: It stands somewhere else.
    """
    place = client.read_register(registers.program_counter)
    if place == image.symbols[END_SYMBOL].address:
        return None
    if place in fault_handlers(image) and in_exception(client, registers):
        found = f"the program stopped: {describe_fault(client, image, registers)}"
        raise BoardError(client.where, found, "Build for this board and its core.")
    printed = handle(client, place, registers.program_counter)
    if printed is None:
        where = f"{image.function_at(place)} ({place:#x})"
        found = f"the program stopped in {where} with signal {signal}"
        raise BoardError(client.where, found, REPORT_REMEDY)
    return None if printed == ENDED else printed


def _still_running(
    client: GdbClient, image: Image, registers: Registers, timeout_s: float
) -> BoardError:
    found = f"the program did not finish within {timeout_s:g} s"
    remedy = "Give it more time (slow cores and external memories need it)."
    try:
        client.halt()
        place = client.read_register(registers.program_counter)
    except (AnswerTimeout, BoardError):
        remedy = "The core does not respond: switch the board off and on."
        return BoardError(client.where, f"{found} and cannot be halted", remedy)
    return BoardError(client.where, f"{found}; it is in {image.function_at(place)}", remedy)


def _check(client: GdbClient, result: SelfTestResult | None) -> SelfTestResult:
    if result is None:
        raise BoardError(client.where, "the program left no result", REPORT_REMEDY)
    if result.passed:
        return result
    name = f"operator number {result.first_bad_operator}"
    if result.first_bad_name:
        name = f"operator {read_text(client, result.first_bad_name)!r}"
    found = f"the self-test failed: {name} differs from its output on the PC"
    raise BoardError(client.where, found, REPORT_REMEDY)
