"""From a .tflite file to a folder of C files, with the plan of its memory."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinydet.anchors import feature_map_sizes, make_anchors
from tinydet.compiler.box_tables import candidate_scratch_bytes
from tinydet.compiler.codegen import (
    AnchorTable,
    DetectorPart,
    GeneratedModel,
    generate,
    preprocess_scratch_bytes,
)
from tinydet.compiler.ir import Graph, NoOptions, Op, Quantization, Tensor
from tinydet.compiler.memory import (
    InputMode,
    Objective,
    Plan,
    PlanRequest,
    live_bytes,
    plan_memory,
    with_output_scratch,
)
from tinydet.compiler.passes import DetectorHead, lower
from tinydet.compiler.ram_limit import arena_limit_error
from tinydet.compiler.tflite_reader import read_tflite
from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, load_detector_spec
from tinydet.config.files import make_folder, write_text_atomically
from tinydet.errors import ModelFileError

UINT8_SHIFT = 128  # zero point of a uint8 tensor minus that of the same values in int8
# A pixel half a step away from two codes is as well served by either (tinydet.inference says so).
NEAREST_LIMIT = 0.5 + 1e-3
PLAN_FILE = "plan.json"
ARENA_PICTURE_FILE = "arena.png"
# Boxes that suppression sorts at a time. More save passes over the scores, fewer save time where
# only the best are needed; the lower number is taken where the arena would grow for the higher.
MAX_CANDIDATES, MIN_CANDIDATES = 1024, 256


@dataclass(frozen=True, kw_only=True)
class CompileSettings:
    """What the C is made for.

    Attributes:
        optimize: ``ram`` for the smallest arena, ``speed`` for the fewest instructions,
            ``balanced`` for the smallest arena that costs at most 1 % of the instructions.
        ram_limit_bytes: Instead the plan with the fewest instructions whose arena has at most so
            many bytes.
        input_mode: ``image`` for an image in the arena, which is overwritten; ``caller`` for one
            that stays where the caller has it; ``rows`` for one that comes row by row.
        remove_channels: Whether channels that can take one value only are eliminated.
    """

    optimize: Objective = "balanced"
    ram_limit_bytes: int | None = None
    input_mode: InputMode = "image"
    remove_channels: bool = True


DEFAULT_SETTINGS = CompileSettings()


@dataclass(frozen=True, eq=False)
class CompiledFiles:
    """A detector in C.

    Attributes:
        model: Network, memory plan, name and detector of which the files were made.
        spec: Class names, preprocessing, thresholds.
        sources: File name -> text of all C files.
        where: The model file.
        folder: Where they were written; None before.
    """

    model: GeneratedModel
    spec: DetectorSpec
    sources: dict[str, str]
    where: str
    folder: Path | None = None

    @property
    def name(self) -> str:
        """Start of its C functions."""
        return self.model.name

    @property
    def macro_prefix(self) -> str:
        """Start of its macros."""
        return self.model.macro

    @property
    def plan(self) -> Plan:
        """Where everything lies in the arena."""
        return self.model.plan

    @property
    def scores(self) -> Tensor:
        """int8 class scores ``[1, NA, 1 + num_classes]``, with scale and zero point."""
        return self.model.output_tensor(0)

    @property
    def deltas(self) -> Tensor:
        """int8 box deltas ``[1, NA, 4]``, with scale and zero point."""
        return self.model.output_tensor(1)


def compile_model(
    model_path: Path,
    output_folder: Path,
    *,
    name: str,
    spec: DetectorSpec | None = None,
    settings: CompileSettings = DEFAULT_SETTINGS,
    picture: bool = True,
) -> CompiledFiles:
    """Translate an int8 detector to C and write the files.

    Args:
        model_path: The .tflite file.
        output_folder: Where ``NAME.c``, ``NAME.h``, the kernels, ``plan.json``, ``arena.png`` and
            ``detector.json`` go; created. What else lies there is left alone.
        name: Start of the names of files, functions and macros.
        spec: What the detector is; None reads ``detector.json`` beside the model.
        settings: What the C is made for.
        picture: Whether to draw ``arena.png``.

    Returns:
        The files and all that is known of them.

    Raises:
        ModelFileError: The model or its ``detector.json`` cannot be read, or is no int8 detector.
        CompilerError: Operators that are not supported, all of them.
        UnsupportedError: The name cannot be one in C.
        ArenaLimitError: No plan keeps to ``ram_limit_bytes``.
        OutputError: The folder cannot be written to.
    """
    try:
        content = model_path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            model_path, f"cannot be read ({error.strerror})", "Give an int8 .tflite file."
        ) from None
    if spec is None:
        spec = load_detector_spec(model_path.with_name(DETECTOR_FILE))
    files = compile_content(content, name=name, spec=spec, where=str(model_path), settings=settings)
    make_folder(output_folder)
    for file, text in files.sources.items():
        write_text_atomically(output_folder / file, text)
    plan = {"name": name, **files.plan.to_json()}
    write_text_atomically(output_folder / PLAN_FILE, json.dumps(plan, indent=1) + "\n")
    spec.save(output_folder / DETECTOR_FILE)
    if picture:
        from tinydet.compiler.arena_picture import draw_arena

        draw_arena(files.plan, output_folder / ARENA_PICTURE_FILE)
    return CompiledFiles(files.model, spec, files.sources, files.where, output_folder)


def compile_content(
    content: bytes,
    *,
    name: str,
    spec: DetectorSpec,
    where: str,
    settings: CompileSettings = DEFAULT_SETTINGS,
) -> CompiledFiles:
    """Translate an int8 detector to C in memory.

    Args:
        content: Bytes of the .tflite file.
        name: Start of the names of files, functions and macros.
        spec: What the detector is.
        where: Path of the file, for messages.
        settings: What the C is made for.

    Raises:
        ModelFileError: The model is no int8 detector.
        CompilerError: Operators that are not supported, all of them; or ``spec`` is not that of
            the model.
        UnsupportedError: The name cannot be one in C.
        ArenaLimitError: No plan keeps to ``ram_limit_bytes``.
    """
    graph = with_uint8_input(read_tflite(content, where))
    _check_pixels(graph, spec, where)
    graph, head = lower(graph, where, remove_channels=settings.remove_channels)
    anchors = _anchor_table(head, spec, where)
    plan, max_candidates = _plan(graph, spec, head, settings, where)
    digest = hashlib.sha256(content).hexdigest()[:16]
    model = GeneratedModel(
        plan=plan,
        name=name,
        origin=f"a .tflite file with SHA-256 {digest}...",
        detector=DetectorPart(spec, anchors, max_candidates),
    )
    return CompiledFiles(model, spec, generate(model), where)


def with_uint8_input(graph: Graph) -> Graph:
    """The same network on pixels 0..255, where it takes ``pixel - 128`` as int8.

    A QUANTIZE is put in front, which the passes fold into the first convolution. Inputs of other
    types are left as they are.
    """
    if len(graph.inputs) != 1 or graph.tensors[graph.inputs[0]].dtype != "int8":
        return graph
    codes = graph.tensors[graph.inputs[0]]
    if codes.quantization is None:
        return graph
    quantization = Quantization((codes.scale,), (codes.zero_point + UINT8_SHIFT,))
    pixels = replace(codes, name=f"{codes.name}/uint8", dtype="uint8", quantization=quantization)
    index = len(graph.tensors)
    quantize = Op("QUANTIZE", f"{codes.name}/int8", (index,), graph.inputs, NoOptions())
    return replace(
        graph,
        tensors=(*graph.tensors, pixels),
        ops=(quantize, *graph.ops),
        inputs=(index,),
    )


def _check_pixels(graph: Graph, spec: DetectorSpec, where: str) -> None:
    """Refuse a model whose input codes are not the pixels: camera bytes would mean nothing.

    Raises:
        ModelFileError: Its input scale does not fit the rescaling of the specification.
    """
    tensor = graph.tensors[graph.inputs[0]]
    if tensor.dtype != "uint8" or tensor.quantization is None:
        return  # of other types the passes and the generator speak
    pixels = np.arange(256, dtype=np.float64)
    real = spec.preprocess.scale * pixels + spec.preprocess.offset
    codes = real / tensor.scale + tensor.zero_point
    if np.max(np.abs(codes - pixels)) > NEAREST_LIMIT:
        raise ModelFileError(
            where,
            f"its input (scale {tensor.scale:.6g}, zero point {tensor.zero_point}) does not take "
            f"pixels rescaled by {spec.preprocess.scale:.6g} * pixel + {spec.preprocess.offset:g} "
            "as they are",
            f"Correct the rescaling in {DETECTOR_FILE}, or quantize the model again.",
        )


def _anchor_table(head: DetectorHead, spec: DetectorSpec, where: str) -> AnchorTable:
    """The anchors of the file where it has them, else those of the recipe."""
    height, width = spec.input_size
    levels = tuple(feature_map_sizes(height, width))
    if head.anchors is not None:
        return AnchorTable(np.ascontiguousarray(head.anchors, np.float32), levels)
    recipe = spec.anchors
    anchors = make_anchors(height, width, recipe.smallest, recipe.largest, recipe.aspect_ratios)
    if len(anchors) != head.num_anchors:
        raise ModelFileError(
            where,
            f"it has {head.num_anchors} anchors, its {DETECTOR_FILE} describes {len(anchors)}",
            f"Use the {DETECTOR_FILE} that belongs to the model.",
        )
    return AnchorTable(anchors, levels)


def _plan(
    graph: Graph, spec: DetectorSpec, head: DetectorHead, settings: CompileSettings, where: str
) -> tuple[Plan, int]:
    """The memory plan, and how many candidates its scratch memory holds.

    As many as have room in an arena that is not larger than with the fewest.
    """
    image = settings.input_mode == "image"
    most = min(head.num_anchors * head.num_classes, MAX_CANDIDATES)
    least = min(most, MIN_CANDIDATES)
    request = PlanRequest(
        objective=settings.optimize,
        ram_limit_bytes=settings.ram_limit_bytes,
        input_mode=settings.input_mode,
        input_scratch_bytes=preprocess_scratch_bytes(spec.preprocess) if image else 0,
        output_scratch_bytes=candidate_scratch_bytes(least),
    )
    plan = plan_memory(graph, request)
    if settings.ram_limit_bytes is not None and plan.arena_bytes > settings.ram_limit_bytes:
        raise arena_limit_error(plan, request, where)
    free = plan.arena_bytes - int(live_bytes(plan.buffers)[-1])
    candidates = min(most, least + free // candidate_scratch_bytes(1))
    if candidates > least:
        larger = with_output_scratch(plan, candidate_scratch_bytes(candidates))
        if larger.arena_bytes <= plan.arena_bytes:
            return larger, candidates
    return plan, least
