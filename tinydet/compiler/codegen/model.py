"""What the C files of one network are made of."""

from dataclasses import dataclass

from tinydet.compiler.box_tables import boxes_scratch_bytes
from tinydet.compiler.codegen.c_text import is_c_name
from tinydet.compiler.codegen.detection import AnchorTable
from tinydet.compiler.ir import Graph, Tensor
from tinydet.compiler.memory import InputMode, Plan
from tinydet.config.detector_spec import DetectorSpec
from tinydet.errors import CompilerError, UnsupportedError
from tinydet.inference.post_processing import PostProcessing

C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "float32": "float", "int32": "int32_t"}


@dataclass(frozen=True, eq=False)
class DetectorPart:
    """What finding the boxes needs beside the network.

    Attributes:
        spec: Class names, preprocessing, thresholds.
        anchors: One per row of the outputs.
        max_candidates: Boxes that suppression looks at in one pass; only its time depends on it.
        post_processing: What the model's own operator for that is told, if it has one.
    """

    spec: DetectorSpec
    anchors: AnchorTable
    max_candidates: int
    post_processing: PostProcessing | None = None

    @property
    def voting_iou(self) -> float | None:
        """See ``PostprocessSpec.box_voting_iou``."""
        return self.spec.postprocess.box_voting_iou

    @property
    def scratch_bytes(self) -> int:
        """Of the arena, while the boxes are found."""
        most = len(self.anchors) * self.spec.num_classes
        return boxes_scratch_bytes(self.max_candidates, self.spec.postprocess, most)


@dataclass(frozen=True, eq=False, kw_only=True)
class GeneratedModel:
    """A planned network under the name that it gets in C.

    Attributes:
        plan: The network, and where its activations lie. With a detector its outputs are the
            scores ``[1, NA, NC]`` and the deltas ``[1, NA, 4]``, int8, and its input is uint8.
        name: Start of its C functions.
        origin: What it was made from, for the first comment of each file.
        detector: None for a network that finds no boxes.
        self_test_crcs: CRC-32 of each output for the input of the self-test; empty: without one.
        vectors: See ``CompileOptions``.
    """

    plan: Plan
    name: str
    origin: str = "a network"
    detector: DetectorPart | None = None
    self_test_crcs: tuple[int, ...] = ()
    vectors: bool = False

    def __post_init__(self) -> None:
        if not is_c_name(self.name):
            raise UnsupportedError(
                "name of the network",
                repr(self.name),
                "a letter, then letters, digits and _; no C keyword, no td_ at the start",
                "Choose another name.",
            )
        if len(self.graph.inputs) != 1:
            raise CompilerError([f"a network with {len(self.graph.inputs)} inputs; one is needed"])
        for tensor in (self.input, *(tensor for _, tensor in self.outputs())):
            if tensor.dtype not in C_TYPES:
                raise CompilerError([f"{tensor.name} is {tensor.dtype}: int8 or uint8 is needed"])
        if self.detector is not None:
            self._check_detector(self.detector)

    def _check_detector(self, detector: DetectorPart) -> None:
        height, width = detector.spec.input_size
        rows, columns = len(detector.anchors), 1 + detector.spec.num_classes
        if detector.post_processing is not None and not self.background:
            columns -= 1
        expected = [
            (self.input, (1, height, width, 3), "uint8"),
            (self.output_tensor(0), (1, rows, columns), "int8"),
            (self.output_tensor(1), (1, rows, 4), "int8"),
        ]
        problems = [
            f"{tensor.name} is {tensor.dtype} {tensor.shape} where the detector's specification "
            f"needs {dtype} {shape}. Use the detector.json that belongs to the model."
            for tensor, shape, dtype in expected
            if (tensor.shape, tensor.dtype) != (shape, dtype)
        ]
        if problems:
            raise CompilerError(problems)

    @property
    def graph(self) -> Graph:
        """The network, its operators in the order in which they run."""
        return self.plan.schedule.graph

    @property
    def input_mode(self) -> InputMode:
        """How the input comes."""
        return self.plan.input_mode

    @property
    def background(self) -> int:
        """Scores of an anchor before that of the first class: 0 or 1."""
        operator = self.detector and self.detector.post_processing
        return self.output_tensor(0).shape[-1] - operator.num_classes if operator else 1

    @property
    def copies_input(self) -> bool:
        """Whether a function of the C file copies pixels into the arena."""
        modes = {"image": self.detector is not None, "caller": False, "rows": True}
        return modes[self.input_mode]

    @property
    def macro(self) -> str:
        """Start of its macros."""
        return self.name.upper()

    @property
    def input(self) -> Tensor:
        """The one input."""
        return self.graph.tensors[self.graph.inputs[0]]

    def output_tensor(self, position: int) -> Tensor:
        """An output by its position."""
        return self.graph.tensors[self.graph.outputs[position]]

    def outputs(self) -> list[tuple[str, Tensor]]:
        """End of the name of the function that gives each output, and the output."""
        tensors = [self.graph.tensors[i] for i in self.graph.outputs]
        if self.detector is not None:
            return list(zip(("scores", "deltas"), tensors, strict=True))
        if len(tensors) == 1:
            return [("output", tensors[0])]
        return [(f"output_{k}", tensor) for k, tensor in enumerate(tensors)]
