"""How much memory a compiled model takes, item by item as published model cards print it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from tinydet.compiler import CompiledNetwork
from tinydet.compiler.memory import InputMode
from tinydet.progress import stage
from tinydet.targets.base import CodeArray
from tinydet.targets.cortex_m import CortexMNetwork
from tinydet.targets.elf import Image

KIB = 1024
# Needed by every program, not by the model: vectors and start-up. Stack, detections and
# arena are counted by their own rules.
NOT_THE_MODEL = (".vectors", ".td_startup", ".td_stack", ".td_detections", ".td_arena")
WEIGHTS, KERNELS = ".td_weights", ".td_kernels"
_ARENA_NOTES: dict[str, str] = {
    "image": "the arena, with the input",
    "caller": "the arena, without the input",
    "rows": "the arena, with the rows of the input that are still needed",
}
_INPUT_NOTES: dict[str, str] = {
    "caller": "the input, in the caller's memory, read only; not included above",
    "rows": "a row of the input, in the caller's memory while it is fed; not included above",
}


@dataclass(frozen=True)
class Footprint:
    """Bytes of RAM and flash.

    Attributes:
        core: Target it was built for.
        arena_bytes: Activations and the work space of box selection; the input image as
            ``input_mode`` says.
        stack_bytes: Deepest stack of one inference with box selection, measured.
        static_bytes: Variables of the model outside the arena.
        detections_bytes: The caller's array that takes the detections.
        weights_bytes: Constants of the network in flash: weights, biases, multipliers, parameters.
        code_bytes: Machine code in flash, with the tables of the kernels.
        kernels_bytes: The share of it that firmware for a board with RAM for code copies there.
        input_mode: ``image``: it lies in the arena; ``caller``: all of it outside; ``rows``: the
            arena holds the rows that are still needed, the next ones come from outside.
        input_bytes: What the caller has to hold of the image at once, in no sum: all of it, or one
            row, or nothing.
    """

    core: str
    arena_bytes: int
    stack_bytes: int
    static_bytes: int
    detections_bytes: int
    weights_bytes: int
    code_bytes: int
    kernels_bytes: int = 0
    input_mode: InputMode = "image"
    input_bytes: int = 0

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Footprint":
        """The footprint of what ``to_record`` gave; those of old do not name the input mode."""
        given = {field.name: record[field.name] for field in fields(cls) if field.name in record}
        numbers: dict[str, Any] = {k: int(v) for k, v in given.items() if k.endswith("_bytes")}
        return cls(**(given | numbers))

    @property
    def activation_ram_bytes(self) -> int:
        """The arena."""
        return self.arena_bytes

    @property
    def runtime_ram_bytes(self) -> int:
        """All RAM outside the arena: stack, variables, detections."""
        return self.stack_bytes + self.static_bytes + self.detections_bytes

    @property
    def total_ram_bytes(self) -> int:
        """Activation and runtime RAM."""
        return self.activation_ram_bytes + self.runtime_ram_bytes

    @property
    def total_flash_bytes(self) -> int:
        """Weights and code."""
        return self.weights_bytes + self.code_bytes

    def to_record(self) -> dict[str, Any]:
        """JSON-ready mapping of all items and sums."""
        sums = ("activation_ram_bytes", "runtime_ram_bytes", "total_ram_bytes", "total_flash_bytes")
        return asdict(self) | {name: getattr(self, name) for name in sums}


@stage("run on an emulated core")
def measure_footprint(program: CortexMNetwork, inputs: Sequence[CodeArray] = ()) -> Footprint:
    """Measure a linked model: flash by its sections, stack by running it on a painted one.

    Args:
        program: The model on an emulated core.
        inputs: Inputs to run on, images for a detector; the deepest stack counts. None given: one
            of noise.

    Returns:
        The footprint.
    """
    inputs = inputs or [noise(program.network)]
    return footprint_of(
        program, max(program.measure_inference(codes).stack_bytes for codes in inputs)
    )


def noise(network: CompiledNetwork, seed: int = 0) -> CodeArray:
    """An input of all codes, the same for the same seed."""
    dtype = np.dtype(network.input.dtype)
    limits = np.iinfo(dtype)
    generator = np.random.default_rng(seed)
    return generator.integers(limits.min, limits.max, network.input_shape, dtype, endpoint=True)


def footprint_of(program: CortexMNetwork, stack_bytes: int) -> Footprint:
    """The footprint of a linked model whose deepest stack is known."""
    network = program.network
    weights_bytes, code_bytes, static_bytes = _section_bytes(program.image)
    input_bytes = network.input.size_bytes
    rows = network.input_shape[0] if len(network.input_shape) > 1 else 1
    held = {"image": 0, "caller": input_bytes, "rows": input_bytes // rows}
    return Footprint(
        core=program.core,
        arena_bytes=network.arena_bytes,
        stack_bytes=stack_bytes,
        static_bytes=static_bytes,
        detections_bytes=network.detections_bytes,
        weights_bytes=weights_bytes,
        code_bytes=code_bytes,
        kernels_bytes=kernels_bytes(program.image),
        input_mode=network.input_mode,
        input_bytes=held[network.input_mode],
    )


def kernels_bytes(image: Image) -> int:
    """Code that firmware copies to RAM for code; 0 for a network without such kernels."""
    return image.sections[KERNELS].size_bytes if KERNELS in image.sections else 0


def format_footprint(footprint: Footprint) -> str:
    """The footprint as a table, in KiB."""
    f = footprint
    found = f"detections {f.detections_bytes} B, " if f.detections_bytes else ""
    parts = f"stack {f.stack_bytes} B, {found}variables {f.static_bytes} B"
    copied = (
        f"{f.kernels_bytes / KIB:.1f} KiB of it also in RAM for code (ITCM), if the board has it"
    )
    rows = [
        ("activation RAM", f.activation_ram_bytes, _ARENA_NOTES[f.input_mode]),
        ("runtime RAM", f.runtime_ram_bytes, parts),
        ("weights flash", f.weights_bytes, ""),
        ("code flash", f.code_bytes, copied if f.kernels_bytes else ""),
        ("total RAM", f.total_ram_bytes, ""),
        ("total flash", f.total_flash_bytes, ""),
    ]
    if f.input_mode != "image":
        rows.append(("input outside", f.input_bytes, _INPUT_NOTES[f.input_mode]))
    lines = [f"{name:<15}{size / KIB:>10.2f} KiB   {note}".rstrip() for name, size, note in rows]
    return "\n".join([f"Memory on {f.core}:", *lines])


def _section_bytes(image: Image) -> tuple[int, int, int]:
    """``(weights, code, variables)``; a section nobody thought of counts as code."""
    weights = code = variables = 0
    for section in image.sections.values():
        if section.name == WEIGHTS:
            weights += section.size_bytes
        elif section.name not in NOT_THE_MODEL:
            code += section.size_bytes if section.loaded else 0  # .data takes flash and RAM
            variables += section.size_bytes if section.writable else 0
    return weights, code, variables
