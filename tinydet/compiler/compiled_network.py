"""A network in C, and all that is known of it: what every target takes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from tinydet.compiler.codegen import GeneratedModel, generate
from tinydet.compiler.ir import Tensor
from tinydet.compiler.memory import InputMode, Plan, plan_record
from tinydet.config.files import make_folder, write_text_atomically
from tinydet.progress import stage

PLAN_FILE = "plan.json"
ARENA_PICTURE_FILE = "arena.png"
Network = TypeVar("Network", bound="CompiledNetwork")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CompiledNetwork:
    """What ``compile_network`` makes of a model file.

    Attributes:
        name: Start of its C functions, as ``person``; its files are ``person.c``, ``person.h``.
        plan: Where everything lies in the arena.
        macs: Operator -> multiply-accumulate operations, of those that have weights.
        where: The model file, for messages.
        model_sha256: Of that file.
        self_test_crcs: CRC-32 of each output for the input of the self-test in C; empty: the C
            has no self-test.
        vectors: See ``CompileOptions``.
        sources: File name -> text: all ``.c`` and ``.h`` files.
        tables: Parameters of a kernel -> the constant tables that they point at, all by their
            names in C.
    """

    name: str
    plan: Plan
    macs: Mapping[str, int]
    where: str
    model_sha256: str
    self_test_crcs: tuple[int, ...] = ()
    vectors: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """In short: the files alone are megabytes."""
        return f"<{self.name}: {self.where or 'a network'} in C, arena {self.arena_bytes} bytes>"

    @property
    def macro_prefix(self) -> str:
        """Start of its macros, as ``PERSON``."""
        return self.name.upper()

    @property
    def input_mode(self) -> InputMode:
        """Where the input lies: see ``CompileOptions``."""
        return self.plan.input_mode

    @property
    def arena_bytes(self) -> int:
        """Activation RAM: the input or what is kept of it, activations, the work of the boxes."""
        return self.plan.arena_bytes

    @property
    def input(self) -> Tensor:
        """What the network takes; its shape starts with the batch of 1."""
        graph = self.plan.schedule.graph
        return graph.tensors[graph.inputs[0]]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the input without the batch, as ``(height, width, 3)`` of an image."""
        return self.input.shape[1:]

    @property
    def outputs(self) -> dict[str, Tensor]:
        """End of the name of the C function that gives an output -> the output."""
        return dict(self.model.outputs())

    @property
    def detections_bytes(self) -> int:
        """Of the caller's array for what is found; 0 for a network that finds nothing."""
        return 0

    @cached_property
    def model(self) -> GeneratedModel:
        """The network as the C files are written from it."""
        return GeneratedModel(
            plan=self.plan,
            name=self.name,
            origin=f"a .tflite file with SHA-256 {self.model_sha256[:16]}...",
            self_test_crcs=self.self_test_crcs,
            vectors=self.vectors,
        )

    @stage("write the C")
    def with_sources(self: Network) -> Network:
        """The same with the C files of what it says."""
        code = generate(self.model)
        return replace(self, sources=code.files, tables=code.tables)

    def with_self_test(self: Network, crcs: tuple[int, ...]) -> Network:
        """The same with a self-test in C.

        Args:
            crcs: CRC-32 of the bytes of each output for ``self_test_input``.
        """
        return replace(self, self_test_crcs=crcs).with_sources()

    def save(self, folder: Path, *, picture: bool = True) -> None:
        """Write the C files, ``plan.json`` and ``arena.png``.

        The same network gives the same files, byte for byte; each appears whole or not at all.

        Args:
            folder: Where they go; created. What else lies there is left alone.
            picture: Whether to draw ``arena.png``.

        Raises:
            OutputError: The folder cannot be written to.
        """
        make_folder(folder)
        plan = {"name": self.name, **plan_record(self.plan)}
        for file, text in {**self.sources, PLAN_FILE: json.dumps(plan, indent=1) + "\n"}.items():
            write_text_atomically(folder / file, text)
        if picture:
            self.draw_arena(folder / ARENA_PICTURE_FILE)

    @stage("draw the memory")
    def draw_arena(self, path: Path) -> None:
        """Draw the memory plan, as PNG or SVG; see ``tinydet.compiler.arena_picture``."""
        from tinydet.compiler.arena_picture import draw_arena

        draw_arena(self.plan, path)
