"""What ``train`` makes of its options."""

import pytest

from tinydet.commands import train
from tinydet.config.detector_spec import ALPHAS
from tinydet.config.loader import load_config

START = "training.model.pretrained_weights"


@pytest.mark.parametrize("alpha", [None, *ALPHAS])
@pytest.mark.parametrize("pretrained", [None, "None"])
def test_the_start_has_the_width_of_the_network(monkeypatch, alpha, pretrained):
    """The bundled detector starts networks of its own width, ImageNet's backbone the others."""
    given = {}
    monkeypatch.setattr(train, "train_with", lambda _, values, __: given.update(values))
    train.train("data", alpha=alpha, pretrained=pretrained)
    chosen = given[START] or load_config(None, (), {}).config.training.model.pretrained_weights
    assert chosen == (pretrained or ("person" if alpha in (None, 0.35) else "imagenet"))
