"""A detector in C, and all that is known of it: what every target takes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tinydet.anchors import feature_map_sizes
from tinydet.boxes import FloatArray
from tinydet.compiler.codegen import AnchorTable, DetectorPart, GeneratedModel, generate
from tinydet.compiler.memory import InputMode, Plan, plan_record
from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec
from tinydet.config.files import make_folder, write_text_atomically
from tinydet.tensor_code import TensorCode

PLAN_FILE = "plan.json"
ARENA_PICTURE_FILE = "arena.png"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CompiledDetector:
    """What ``compile_detector`` makes of a model file.

    Attributes:
        name: Start of its C functions, as ``person``; its files are ``person.c``, ``person.h``.
        spec: Class names, preprocessing, and the thresholds that are compiled in.
        plan: Where everything lies in the arena.
        scores: Code of the class scores ``[NA, 1 + num_classes]`` that the network leaves.
        deltas: Code of the box deltas ``[NA, 4]`` that it leaves.
        anchors: ``[NA, 4]`` float32 corners that the C decodes with.
        max_candidates: Boxes that suppression looks at in one pass; only its time depends on it.
        macs: Operator -> multiply-accumulate operations, of those that have weights.
        where: The model file, for messages.
        model_sha256: Of that file.
        vectors: See ``CompileOptions``.
        sources: File name -> text: all ``.c`` and ``.h`` files.
        tables: Parameters of a kernel -> the constant tables that they point at, all by their
            names in C.
    """

    name: str
    spec: DetectorSpec
    plan: Plan
    scores: TensorCode
    deltas: TensorCode
    anchors: FloatArray
    max_candidates: int
    macs: Mapping[str, int]
    where: str
    model_sha256: str
    vectors: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """In short: the files alone are megabytes."""
        return f"<{self.name}: {self.where or 'a detector'} in C, arena {self.arena_bytes} bytes>"

    @property
    def macro_prefix(self) -> str:
        """Start of its macros, as ``PERSON``."""
        return self.name.upper()

    @property
    def input_mode(self) -> InputMode:
        """Where the image lies: see ``CompileOptions``."""
        return self.plan.input_mode

    @property
    def arena_bytes(self) -> int:
        """Activation RAM: the image or what is kept of it, activations, the work of the boxes."""
        return self.plan.arena_bytes

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(height, width, 3)`` of the image that the network takes."""
        return (*self.spec.input_size, 3)

    @property
    def scores_shape(self) -> tuple[int, int]:
        """``(NA, 1 + num_classes)``, background first."""
        return len(self.anchors), 1 + self.spec.num_classes

    @property
    def deltas_shape(self) -> tuple[int, int]:
        """``(NA, 4)``."""
        return len(self.anchors), 4

    @property
    def max_detections(self) -> int:
        """Most detections of one image."""
        return self.spec.postprocess.max_detections

    @cached_property
    def model(self) -> GeneratedModel:
        """The network and the boxes as the C files are written from them."""
        levels = tuple(feature_map_sizes(*self.spec.input_size))
        return GeneratedModel(
            plan=self.plan,
            name=self.name,
            origin=f"a .tflite file with SHA-256 {self.model_sha256[:16]}...",
            detector=DetectorPart(
                self.spec, AnchorTable(self.anchors, levels), self.max_candidates
            ),
            vectors=self.vectors,
        )

    def with_sources(self) -> "CompiledDetector":
        """The same with the C files of what it says."""
        code = generate(self.model)
        return replace(self, sources=code.files, tables=code.tables)

    def with_score_threshold(self, score_threshold: float) -> "CompiledDetector":
        """The same detector with another score threshold compiled in, in [0, 1]."""
        postprocess = self.spec.postprocess.model_copy(update={"score_threshold": score_threshold})
        spec = self.spec.model_copy(update={"postprocess": postprocess})
        return replace(self, spec=spec).with_sources()

    def save(self, folder: Path, *, picture: bool = True) -> None:
        """Write the C files, ``plan.json``, ``detector.json`` and ``arena.png``.

        The same detector gives the same files, byte for byte; each appears whole or not at all.

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
        self.spec.save(folder / DETECTOR_FILE)
        if picture:
            self.draw_arena(folder / ARENA_PICTURE_FILE)

    def draw_arena(self, path: Path) -> None:
        """Draw the memory plan, as PNG or SVG; see ``tinydet.compiler.arena_picture``."""
        from tinydet.compiler.arena_picture import draw_arena

        draw_arena(self.plan, path)
