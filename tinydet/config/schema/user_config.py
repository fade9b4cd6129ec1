"""The whole of a ``user_config.yaml``."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tinydet.config.detector_spec import AnchorSpec, PostprocessSpec, PreprocessSpec
from tinydet.config.schema.augmentation import check_augmentation
from tinydet.config.schema.basics import (
    DatasetSection,
    GeneralSection,
    PostprocessingSection,
    PreprocessingSection,
)
from tinydet.config.schema.boards import BenchmarkingSection, DeploymentSection
from tinydet.config.schema.stages import EvaluationSection, PredictionSection, QuantizationSection
from tinydet.config.schema.training import TrainingSection
from tinydet.config.schema.values import Section, choice
from tinydet.config.schema.vendor import HydraSection, MlflowSection, ToolsSection
from tinydet.errors import ConfigError

OperationMode = Literal[
    "training",
    "evaluation",
    "quantization",
    "prediction",
    "benchmarking",
    "deployment",
    "chain_tqe",
    "chain_tqeb",
    "chain_eqe",
    "chain_eqeb",
    "chain_qb",
    "chain_qd",
]
TRAINING_MODES = frozenset({"training", "chain_tqe", "chain_tqeb"})
EVALUATION_MODES = frozenset({"evaluation", "chain_tqe", "chain_tqeb", "chain_eqe", "chain_eqeb"})
QUANTIZATION_MODES = frozenset(
    {"quantization", "chain_tqe", "chain_tqeb", "chain_eqe", "chain_eqeb", "chain_qb", "chain_qd"}
)
BENCHMARKING_MODES = frozenset({"benchmarking", "chain_tqeb", "chain_eqeb", "chain_qb"})
DEPLOYMENT_MODES = frozenset({"deployment", "chain_qd"})
COMPRESSION_REMEDY = "Choose a smaller alpha or input size instead of pruning."


class UserConfig(Section):
    """A checked configuration; sections that were left out have their defaults.

    Attributes:
        operation_mode: Which stages run.
        general: Names, model file, seed, machine.
        dataset: Where the labelled images are.
        preprocessing: From an image file to the network's input.
        data_augmentation: ``{name: arguments}`` in file order, of one generation.
        training: How the network is trained.
        postprocessing: From scores and boxes to detections.
        quantization: The int8 model.
        evaluation: How accuracy is measured.
        prediction: Images in which to find objects.
        tools: What the C code is optimized for.
        benchmarking: The board that is measured.
        deployment: The board that gets the detector.
        mlflow: Experiment tracking.
        hydra: ``run.dir`` is the run folder.
    """

    operation_mode: Annotated[
        OperationMode,
        choice(OperationMode, compression=COMPRESSION_REMEDY),
    ]
    general: GeneralSection = GeneralSection()
    dataset: DatasetSection = DatasetSection()
    preprocessing: PreprocessingSection = PreprocessingSection()
    data_augmentation: Annotated[dict[str, Any], BeforeValidator(check_augmentation)] = Field(
        default_factory=dict
    )
    training: TrainingSection = Field(default_factory=TrainingSection)
    postprocessing: PostprocessingSection = Field(default_factory=lambda: PostprocessingSection())
    quantization: QuantizationSection = Field(default_factory=lambda: QuantizationSection())
    evaluation: EvaluationSection = EvaluationSection()
    prediction: PredictionSection = PredictionSection()
    tools: ToolsSection = ToolsSection()
    benchmarking: BenchmarkingSection = BenchmarkingSection()
    deployment: DeploymentSection = DeploymentSection()
    mlflow: MlflowSection = MlflowSection()
    hydra: HydraSection = Field(default_factory=HydraSection)

    @property
    def run_folder(self) -> Path:
        """Folder of this run's results; relative to the current folder unless absolute."""
        return Path(self.hydra.run.folder).expanduser()

    @property
    def trains(self) -> bool:
        """Whether the mode has a training stage."""
        return self.operation_mode in TRAINING_MODES

    @property
    def quantizes(self) -> bool:
        """Whether the mode has a quantization stage."""
        return self.operation_mode in QUANTIZATION_MODES

    @property
    def evaluates(self) -> bool:
        """Whether the mode has an evaluation stage (training alone also ends with one)."""
        return self.operation_mode in EVALUATION_MODES

    @property
    def benchmarks(self) -> bool:
        """Whether the mode has a benchmarking stage."""
        return self.operation_mode in BENCHMARKING_MODES

    @property
    def deploys(self) -> bool:
        """Whether the mode has a deployment stage."""
        return self.operation_mode in DEPLOYMENT_MODES

    def preprocess_spec(
        self,
        input_size: tuple[int, int] | None = None,
        rescaling: tuple[float, float] | None = None,
    ) -> PreprocessSpec:
        """Image file to network input.

        Args:
            input_size: ``(height, width)`` of the model, pixels; None takes
                ``training.model.input_shape``.
            rescaling: ``(scale, offset)`` that the model file tells, for a configuration without
                ``preprocessing.rescaling``.

        Raises:
            ValueError: There is no input size.
            ConfigError: There is no rescaling.
        """
        if input_size is None:
            if self.training.model is None:
                raise ValueError("without training.model the input size must be given")
            input_size = self.training.model.input_shape[:2]
        resizing, written = self.preprocessing.resizing, self.preprocessing.rescaling
        if written is not None:
            rescaling = written.scale, written.offset
        if rescaling is None:
            raise ConfigError(
                [
                    "preprocessing.rescaling: is missing, and the model does not provide "
                    "it. Add what it was trained with, usually {scale: 1/127.5, offset: -1}."
                ]
            )
        return PreprocessSpec(
            height=input_size[0],
            width=input_size[1],
            interpolation=resizing.interpolation,
            aspect_ratio=resizing.aspect_ratio,
            color_mode=self.preprocessing.color_mode,
            scale=rescaling[0],
            offset=rescaling[1],
        )

    def anchor_spec(self) -> AnchorSpec:
        """Recipe of the anchor grid of a new network."""
        model = self.training.model
        return model.anchors.spec() if model else AnchorSpec()

    def postprocess_spec(self) -> PostprocessSpec:
        """Thresholds of ``postprocessing``: the defaults of the trained detector."""
        return self._postprocess(
            self.postprocessing.score_threshold, self.postprocessing.max_detections
        )

    def evaluation_postprocess_spec(self) -> PostprocessSpec:
        """Thresholds at which AP is computed."""
        return self._postprocess(self.evaluation.score_threshold, self.evaluation.max_detections)

    def prediction_postprocess_spec(self) -> PostprocessSpec:
        """Thresholds of prediction."""
        return self._postprocess(
            self.prediction.score_threshold, self.postprocessing.max_detections
        )

    def _postprocess(self, score_threshold: float, max_detections: int) -> PostprocessSpec:
        return PostprocessSpec(
            score_threshold=score_threshold,
            nms_iou_threshold=self.postprocessing.nms_iou_threshold,
            max_detections=max_detections,
            box_voting_iou=self.postprocessing.box_voting_iou,
        )
