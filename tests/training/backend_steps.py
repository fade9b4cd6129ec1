"""What a process with one backend does for the tests: some steps of the small network.

    KERAS_BACKEND=jax python backend_steps.py FILE

The file is a pickle of what ``steps`` takes; the losses are printed as JSON.
"""

import json
import pickle
import sys
from pathlib import Path


def steps(model_path, spec, batches, options, taught=False):
    """Losses of training steps from a model file, and some of the weights after them."""
    import tinydet.model  # noqa: F401, I001 - first: chooses the backend
    import keras
    import numpy as np

    from tinydet.inference.decoding import spec_anchors
    from tinydet.training.distillation import load_teacher
    from tinydet.training.distribution import ProcessGroup
    from tinydet.training.losses import DetectionLoss
    from tinydet.training.model_setup import prepare

    model = keras.models.load_model(model_path, compile=False)
    prepare(
        model,
        options,
        DetectionLoss(spec_anchors(spec), iou_weight=2.0, anchors_per_object=4),
        ProcessGroup(),
        load_teacher(Path(model_path), spec) if taught else None,
    )
    losses = [float(np.asarray(model.train_on_batch(*batch))) for batch in batches]
    model.save(Path(model_path).with_name(f"{keras.backend.backend()}.keras"))
    weights = [np.asarray(weight) for weight in model.get_weights()]
    return {
        "backend": keras.backend.backend(),
        "losses": losses,
        "weights": [w.ravel()[:30].astype(float).tolist() for w in weights],
        "foreign": sorted({"tensorflow", "jax", "torch"} & set(sys.modules)),
    }


if __name__ == "__main__":
    tasks = pickle.loads(Path(sys.argv[1]).read_bytes())
    sys.stdout.write(json.dumps([steps(**task) for task in tasks]))
