"""Other spellings of the published generations, brought to one, and defaults that depend."""

from tinydet.config.document import Document, Key, Origin, Scalar, dotted

DEFAULT_RUN_FOLDER = "./experiments_outputs/${now:%Y_%m_%d_%H_%M_%S}"

# (2026 or README spelling, the one used here)
RENAMED: tuple[tuple[Key, Key], ...] = (
    (("dataset", "dataset_name"), ("dataset", "name")),
    (("dataset", "val_split"), ("dataset", "validation_split")),
    (("dataset", "prediction_path"), ("prediction", "test_files_path")),
    (("model", "model_type"), ("general", "model_type")),
    (("model", "model_name"), ("general", "model_type")),
    (("model", "model_path"), ("general", "model_path")),
    (("model", "resume_training_from"), ("training", "resume_training_from")),
    (("model", "input_shape"), ("training", "model", "input_shape")),
    (("model", "alpha"), ("training", "model", "alpha")),
    (("model", "anchors"), ("training", "model", "anchors")),
    (("model", "pretrained_weights"), ("training", "model", "pretrained_weights")),
)
# The first of these that is written names the data set; the labels lead, not the images.
DATA_SOURCES = {
    "training_path": ("train_annotations_path", "train_xml_dir", "data_dir"),
    "validation_path": ("val_annotations_path", "val_xml_dir"),
}
COPIED: tuple[tuple[Key, Key], ...] = (
    (("postprocessing", "IoU_eval_thresh"), ("evaluation", "iou_thresholds")),
    (("postprocessing", "confidence_thresh"), ("prediction", "score_threshold")),
)
FRAMEWORK = ("tf", "tensorflow", "keras")


def unify(document: Document) -> None:
    """Rename the keys of other generations to those of the 2025 one, in place.

    A key that is written in both spellings is reported. Findings about a renamed key name it as
    the user wrote it.
    """
    _take_framework(document)
    _take_pretrained(document)
    for old, new in RENAMED:
        if document.get(*old) is None:
            document.forget(old)
        elif document.get(*new) is None:
            document.move(old, new)
        elif old == ("model", "model_name") and document.get(*old) == document.get(*new):
            document.forget(old)
        else:
            found = f"a second value for {document.origin(new).key}"
            document.report(old, found, "one of the two keys", "Remove one of them.")
            document.forget(old)
    if not document.get("model"):
        document.forget(("model",))
    _take_data_sources(document)


def _take_framework(document: Document) -> None:
    framework = document.text("model", "framework")
    if framework is None:
        return
    if framework.lower() not in FRAMEWORK:
        remedy = "Write tf: training runs on TensorFlow."
        document.report(("model", "framework"), repr(framework), "tf", remedy)
    document.forget(("model", "framework"))


def _take_pretrained(document: Document) -> None:
    """``model.pretrained: True`` means the ImageNet backbone."""
    old, new = ("model", "pretrained"), ("training", "model", "pretrained_weights")
    pretrained = document.text(*old)
    if pretrained is None:
        return
    if pretrained.lower() not in ("true", "false"):
        document.report(old, repr(pretrained), "True, False", "Write True or False.")
    elif pretrained.lower() == "true":
        document.put(new, Scalar("imagenet"), document.origin(old))
    document.forget(old)


def _take_data_sources(document: Document) -> None:
    for name, others in DATA_SOURCES.items():
        for other in others:
            key = ("dataset", other)
            if document.get("dataset", name) is None:
                document.move(key, ("dataset", name))
            elif document.get(*key) is not None:
                document.set_aside.append(dotted(key))  # less telling than the one already taken
            document.forget(key)
    dataset = (("train_images_path", "training_path"), ("val_images_path", "validation_path"))
    for images, name in dataset:
        written = document.get("dataset", images)
        if isinstance(written, Scalar) and document.get("dataset", name) is None:
            document.move(("dataset", images), ("dataset", name))


def fill_run_folder(document: Document) -> None:
    """Write the default of ``hydra.run.dir``, which holds the time, in place."""
    if document.get("hydra", "run", "dir") is None:
        default = Scalar(DEFAULT_RUN_FOLDER)
        document.put(("hydra", "run", "dir"), default, Origin("default", 0, "hydra.run.dir"))


def fill_thresholds(document: Document) -> None:
    """Write the thresholds that are others by default, in place.

    ``evaluation.iou_thresholds`` is ``IoU_eval_thresh`` and ``prediction.score_threshold`` is
    ``confidence_thresh`` where they are not written.
    """
    for source, target in COPIED:
        value = document.get(*source)
        if isinstance(value, Scalar) and document.get(*target) is None:
            document.put(target, value, document.origin(source))
