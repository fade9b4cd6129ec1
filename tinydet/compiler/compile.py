"""From a .tflite file to C files, with the plan of their memory."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinydet.compiler.box_tables import boxes_scratch_bytes, candidate_scratch_bytes
from tinydet.compiler.codegen import preprocess_scratch_bytes
from tinydet.compiler.compiled_detector import CompiledDetector
from tinydet.compiler.compiled_network import CompiledNetwork
from tinydet.compiler.ir import (
    UINT8_SHIFT,
    Graph,
    NoOptions,
    Op,
    Quantization,
    Tensor,
    count_macs,
    read_only,
)
from tinydet.compiler.memory import (
    InputMode,
    Objective,
    Plan,
    PlanRequest,
    live_bytes,
    plan_memory,
    with_output_scratch,
)
from tinydet.compiler.passes import (
    DetectorHead,
    dequantized,
    has_real_values,
    lower,
    lower_network,
    without_float_input,
)
from tinydet.compiler.ram_limit import arena_limit_error
from tinydet.compiler.tflite_reader import PostProcessOperator, read_detector, read_tflite
from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, load_detector_spec
from tinydet.errors import ModelFileError, UnsupportedError
from tinydet.inference.decoding import matching_anchors
from tinydet.inference.detector_metadata import read_detector_metadata
from tinydet.inference.post_processing import (
    OPERATOR,
    PostProcessing,
    codes_and_scores,
    read_post_processing,
    refuse_voting,
)
from tinydet.progress import stage
from tinydet.tensor_code import TensorCode, takes_pixels

# They sum sixteen products at a time (Helium).
VECTOR_CORES = ("cortex-m55", "cortex-m85")
# Boxes that suppression sorts at a time. More save passes over the scores, fewer save time where
# only the best are needed; the lower number is taken where the arena would grow for the higher.
MAX_CANDIDATES, MIN_CANDIDATES = 1024, 256


@dataclass(frozen=True, kw_only=True)
class CompileOptions:
    """What the C is made for.

    Attributes:
        name: Start of the names of files, functions and macros.
        optimize: ``ram`` for the smallest arena, ``speed`` for the fewest estimated cycles,
            ``balanced`` for the smallest arena that costs at most 1 % of the cycles.
        ram_limit_bytes: Instead the plan with the fewest cycles whose arena has at most so many
            bytes.
        input_mode: ``image`` for an image in the arena, which is overwritten; ``caller`` for one
            that stays where the caller has it; ``rows`` for one that comes row by row.
        remove_channels: Whether channels that can take one value only are eliminated.
        core: Processor whose cycles count, as ``cortex-m4``. None, and those whose cycles are not
            estimated: the Cortex-M7. For those of ``VECTOR_CORES`` the weights of convolutions are
            laid out for vectors; the C runs everywhere all the same.
    """

    name: str = "detector"
    optimize: Objective = "balanced"
    ram_limit_bytes: int | None = None
    input_mode: InputMode = "image"
    remove_channels: bool = True
    core: str | None = None

    @property
    def vectors(self) -> bool:
        """Whether the weights of convolutions are laid out for vectors of sixteen values."""
        return self.core in VECTOR_CORES


DEFAULT_OPTIONS = CompileOptions()


def compile_detector(
    model: Path | bytes,
    options: CompileOptions = DEFAULT_OPTIONS,
    *,
    spec: DetectorSpec | None = None,
    where: str = "",
) -> CompiledDetector:
    """Translate an int8 detector to C, in memory.

    Args:
        model: The .tflite file, or its content.
        options: What the C is made for.
        spec: What the detector is; None reads ``detector.json`` beside the file.
        where: Path of the file, for messages; empty: ``model``.

    Returns:
        The detector, to be saved or given to a target.

    Raises:
        ModelFileError: The model or its ``detector.json`` cannot be read, or is no int8 detector.
        CompilerError: Operators that are not supported, all of them; or ``spec`` is not that of
            the model.
        UnsupportedError: The name cannot be one in C, or box voting is asked for where the model
            says itself how its boxes are selected.
        ArenaLimitError: No plan keeps to ``ram_limit_bytes``.
    """
    if isinstance(model, Path):
        spec = spec or load_detector_spec(model.with_name(DETECTOR_FILE))
    content, where = _content(model, where)
    if spec is None:
        raise ValueError("the content of a file does not say what it detects: give spec")
    read, operator = read_detector(content, where)
    post_processing: PostProcessing | None
    if operator is not None:
        post_processing = _post_processing(operator, where)
    else:
        post_processing = read_detector_metadata(content, where)
        read = _with_codes_first(read, post_processing, where)
    if post_processing is not None:
        refuse_voting(spec.postprocess, where)
    read = with_uint8_input(without_float_input(read))
    graph, head = lower(read, where, post_processing, remove_channels=options.remove_channels)
    _check_pixels(read, spec, where)  # not before it is known that this is a detector
    anchors = head.anchors
    if anchors is None:
        anchors = matching_anchors(spec, head.num_anchors, Path(where))
    plan, max_candidates = _detector_plan(graph, spec, head, options, where)
    scores, deltas = (_code(graph.tensors[index]) for index in graph.outputs)
    return CompiledDetector(
        name=options.name,
        spec=spec,
        plan=plan,
        scores=scores,
        deltas=deltas,
        anchors=read_only(anchors.astype(np.float32)),
        max_candidates=max_candidates,
        post_processing=post_processing,
        macs=_macs(graph),
        where=where,
        model_sha256=hashlib.sha256(content).hexdigest(),
        vectors=options.vectors,
    ).with_sources()


def compile_network(
    model: Path | bytes, options: CompileOptions = DEFAULT_OPTIONS, *, where: str = ""
) -> CompiledNetwork:
    """Translate any int8 network to C, in memory: its input and outputs stay as they are.

    Where the file takes or gives real numbers, the C takes and gives the codes behind them.

    Args:
        model: The .tflite file, or its content.
        options: What the C is made for.
        where: Path of the file, for messages; empty: ``model``.

    Returns:
        The network, to be saved or given to a target.

    Raises:
        ModelFileError: The model cannot be read, or it has several inputs.
        CompilerError: Operators that are not supported, all of them.
        UnsupportedError: The name cannot be one in C.
        ArenaLimitError: No plan keeps to ``ram_limit_bytes``.
    """
    content, where = _content(model, where)
    read = read_tflite(content, where)
    graph = lower_network(read, where, remove_channels=options.remove_channels)
    return CompiledNetwork(
        name=options.name,
        plan=_plan(graph, _request(options), where),
        macs=_macs(graph),
        where=where,
        model_sha256=hashlib.sha256(content).hexdigest(),
    ).with_sources()


def _post_processing(operator: PostProcessOperator, where: str) -> PostProcessing:
    """What the operator is told.

    Raises:
        UnsupportedError: It keeps several classes of a box.
    """
    constant = operator.anchors.data is not None and has_real_values(operator.anchors)
    anchors = dequantized(operator.anchors) if constant else None
    told = read_post_processing(operator.options, anchors, where)
    most = min(told.classes_per_box, told.num_classes)
    if not told.each_class and most > 1:
        raise UnsupportedError(
            where,
            f"{OPERATOR} with max_classes_per_detection {told.classes_per_box}",
            "1, or use_regular_nms",
            "Export the model again with one of them; evaluate and predict take it as it is.",
        )
    return told


def _with_codes_first(graph: Graph, told: PostProcessing | None, where: str) -> Graph:
    """The graph with the outputs ``(box codes, class scores)``, as what is told needs them."""
    if told is None:
        return graph
    shapes = [graph.tensors[index].shape for index in graph.outputs]
    places = codes_and_scores(shapes, told, where)
    return replace(graph, outputs=tuple(graph.outputs[place] for place in places))


def _content(model: Path | bytes, where: str) -> tuple[bytes, str]:
    """All bytes of the file, and what it is called in messages."""
    return (model, where) if isinstance(model, bytes) else (_read(model), where or str(model))


def _macs(graph: Graph) -> dict[str, int]:
    return {op.name: macs for op in graph.ops if (macs := count_macs(graph, op))}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            path, f"cannot be read ({error.strerror})", "Give an int8 .tflite file."
        ) from None


def _code(tensor: Tensor) -> TensorCode:
    return TensorCode(np.dtype(tensor.dtype), tensor.scale, tensor.zero_point)


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
    if not takes_pixels(_code(tensor), spec.preprocess):
        raise ModelFileError(
            where,
            f"its input (scale {tensor.scale:.6g}, zero point {tensor.zero_point}) does not match "
            f"pixels rescaled by {spec.preprocess.scale:.6g} * pixel + {spec.preprocess.offset:g}",
            f"Correct the rescaling in {DETECTOR_FILE}, or quantize the model again.",
        )


def _request(options: CompileOptions) -> PlanRequest:
    return PlanRequest(
        objective=options.optimize,
        ram_limit_bytes=options.ram_limit_bytes,
        input_mode=options.input_mode,
        core=options.core,
        keeps_weights=not options.vectors,
    )


@stage("plan the memory")
def _plan(graph: Graph, request: PlanRequest, where: str) -> Plan:
    plan = plan_memory(graph, request)
    limit = request.ram_limit_bytes
    if limit is not None and plan.arena_bytes > limit:
        raise arena_limit_error(plan, request, where)
    return plan


@stage("plan the memory")
def _detector_plan(
    graph: Graph, spec: DetectorSpec, head: DetectorHead, options: CompileOptions, where: str
) -> tuple[Plan, int]:
    """The memory plan, and how many candidates its scratch memory holds.

    As many as have room in an arena that is not larger than with the fewest.
    """
    image = options.input_mode == "image"
    all_candidates = head.num_anchors * head.num_classes
    most = min(all_candidates, MAX_CANDIDATES)
    least = min(most, MIN_CANDIDATES)
    postprocess = spec.postprocess
    request = replace(
        _request(options),
        input_scratch_bytes=preprocess_scratch_bytes(spec.preprocess) if image else 0,
        output_scratch_bytes=boxes_scratch_bytes(least, postprocess, all_candidates),
    )
    plan = _plan(graph, request, where)
    free = plan.arena_bytes - int(live_bytes(plan.buffers)[-1])
    candidates = min(most, least + free // candidate_scratch_bytes(1))
    if candidates > least:
        scratch_bytes = boxes_scratch_bytes(candidates, postprocess, all_candidates)
        larger = with_output_scratch(plan, scratch_bytes)
        if larger.arena_bytes <= plan.arena_bytes:
            return larger, candidates
    return plan, least
