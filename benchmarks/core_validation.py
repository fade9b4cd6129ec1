"""The timing model on programs compiled from their sources, beside figures that others published.

    python benchmarks/core_validation.py PROGRAMS.json

None of these programs comes with tinydet, nor is it built by it. PROGRAMS.json is a list of
``{"name", "core", "image", "function", "turns", "board", "places", "measured_cycles", "source",
"calibration"}``: ``image`` is an ELF file, linked with ``targets/firmware/startup.c`` and the
linker script for the emulator of the core; ``function`` runs a number of turns, ``measured_cycles``
is what one took on a board, with the compiler that ``source`` names. ``places`` maps names of
sections, and ``"data"`` for everything else that is written, to memories of ``board``; without a
board none waits. ``caches`` and ``memories``, where given, stand for those of ``boards.json``:
for a program that left a cache switched off.

One turn is the difference between ``1 + turns`` and one, with warm caches.
"""

from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from record import write_result
from timing_validation import rows_of_programs

from tinydet.compiler import VECTOR_CORES
from tinydet.targets.boards import find_board
from tinydet.targets.cortex_m import memory_of
from tinydet.targets.elf import Image, read_image
from tinydet.targets.emulator import Machine
from tinydet.targets.emulator_hooks import BLOCK_COUNTER, build_hook
from tinydet.targets.qemu import QemuMachine, build_plugin
from tinydet.targets.timing.board_memories import board_timing, memories, size_kib_to_bytes
from tinydet.targets.timing.cost import CostModel
from tinydet.targets.timing.memory import Cache, Memories
from tinydet.targets.timing.recorder import FRACTION, Recorder
from tinydet.targets.timing.recorder_hosts import QemuHost, RecorderHost, UnicornHost


def main() -> None:
    """Estimate all programs and write results/core_validation.json."""
    rows = rows_of_programs(str(__doc__), row)
    summary = {}
    for core in sorted({r["core"] for r in rows}):
        held = [r for r in rows if r["core"] == core and not r["calibration"]]
        errors = sorted(abs(r["error"]) for r in held)
        if errors:
            summary[core] = {"points": len(errors), "median": median(errors), "worst": errors[-1]}
    command = "python benchmarks/core_validation.py PROGRAMS.json"
    write_result("core_validation", command, {"summary": summary, "rows": rows})


def row(program: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One program: estimated, measured, error."""
    core, memory, instructions = estimated(program, folder)
    total = core + memory
    return {
        "program": program["name"],
        "core": program["core"],
        "board": program["board"],
        "calibration": program["calibration"],
        "instructions": round(instructions),
        "measured_cycles": round(program["measured_cycles"]),
        "estimated_cycles": round(total),
        "memory_cycles": round(memory),
        "error": round(total / program["measured_cycles"] - 1, 4),
        "source": program["source"],
    }


def estimated(program: dict[str, Any], folder: Path) -> tuple[float, float, float]:
    """Cycles of the core, cycles of the memories and instructions of one turn."""
    path = (folder / program["image"]).resolve()
    image = read_image(path)
    machine, host = started(image, path, program["core"])
    cost = CostModel(program["core"], seen(program, image), machine.read)
    recorder = Recorder(host, cost.memories, cost.pipeline.unaligned_cycles)
    turns, function, results = program["turns"], program["function"], []
    machine.call(function, 2)
    if host.addresses_follow:
        recorder.locate(cost.accesses)
    recorder.price(cost.price)
    for count in (1, 1 + turns):
        recorder.reset()
        call = machine.call(function, count)
        group = recorder.totals().groups[0]
        waits = int(group["fetch"]) + int(group["data"])
        results.append((int(group["issue"]) / FRACTION, waits / FRACTION, call.instructions))
    recorder.detach()
    core, memory, instructions = (
        (after - before) / turns for before, after in zip(*results, strict=True)
    )
    return core, memory, instructions


def started(image: Image, path: Path, core: str) -> tuple[Machine | QemuMachine, RecorderHost]:
    """The emulator of a core."""
    if core in VECTOR_CORES:
        qemu = QemuMachine(image, path, build_plugin(path.parent))
        return qemu, QemuHost(qemu)
    machine = Machine(image, core, build_hook(BLOCK_COUNTER, path.parent))
    return machine, UnicornHost(machine.engine, path.parent)


def seen(program: dict[str, Any], image: Image) -> Memories:
    """What the processor sees."""
    if program["board"] is None:
        return Memories((), ())
    memory = memory_of(program["core"])
    places = {
        (section.address, section.address + section.size_bytes): program["places"][name]
        for name, section in image.sections.items()
        if name in program["places"]
    }
    places[memory.data.address, memory.data.end] = program["places"]["data"]
    timing = board_timing(find_board(program["board"]))
    if "caches" in program:
        caches = tuple(
            Cache(name, size_kib_to_bytes(kib), ways, line)
            for name, kib, ways, line in program["caches"]
        )
        timing = replace(timing, caches=caches, waits=program["memories"])
    return memories(timing, places)


if __name__ == "__main__":
    main()
