"""AP on the validation images of a configuration, as all benchmarks of accuracy measure it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.config.detector_spec import DetectorSpec
from tinydet.config.schema import UserConfig
from tinydet.data.dataset import Dataset
from tinydet.evaluation import EvaluationResult, EvaluationSettings, evaluate
from tinydet.inference import load_detector
from tinydet.pipeline.datasets import load_evaluation


@dataclass(frozen=True)
class Validation:
    """Validation images, read once, and how AP is measured on them."""

    dataset: Dataset
    data_path: Path
    settings: EvaluationSettings
    spec: DetectorSpec

    def result(self, model: Path) -> EvaluationResult:
        """Evaluate a model file."""
        return evaluate(
            load_detector(model, self.spec),
            self.dataset,
            model_path=model,
            data_path=self.data_path,
            run_folder=None,
            settings=self.settings,
        )


def validation_of(config: UserConfig, spec: DetectorSpec) -> Validation:
    """The validation images of a configuration, for detectors of a specification."""
    dataset, data_path = load_evaluation(config.dataset, spec.class_names)
    settings = EvaluationSettings(
        postprocess=config.evaluation_postprocess_spec(),
        iou_thresholds=config.evaluation.iou_thresholds,
    )
    return Validation(dataset, data_path, settings, spec)


def ap_figures(result: EvaluationResult) -> dict[str, Any]:
    """AP at each IoU, and COCO's, in [0, 1]."""
    figures: dict[str, Any] = {f"ap@{iou}": value.mean for iou, value in result.ap.items()}
    return {**figures, "coco_ap": result.coco["ap"]}
