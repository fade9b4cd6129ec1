"""The fingerprint changes with what changes the result, and with nothing else."""

import dataclasses
from pathlib import Path

import pytest

from tinydet.data.augment import make_augmentation
from tinydet.training.fingerprint import fingerprint
from tinydet.training.options import TrainingOptions

OPTIONS = TrainingOptions(
    3,
    optimizer_arguments={"learning_rate": 0.1},
    callbacks={"LRPiecewiseConstantDecay": {"boundaries": (2,), "values": [0.1, 0.2]}},
)


@pytest.fixture
def parts(make_samples):
    return make_samples(4), make_samples(2, seed=9, folder="validation")


@pytest.fixture
def make(build_small, spec, parts, augmentation):
    usual = build_small()

    def hash_of(model=usual, **changes):
        wanted = {"spec": spec, "parts": parts, "augmentation": augmentation, "options": OPTIONS}
        return fingerprint(model, **{**wanted, **changes})

    return hash_of


def test_what_does_not_matter(make, build_small, spec, parts):
    """Another build with other weights, threads, provenance, and a data set that has moved."""
    expected = make()
    moved = tuple(
        tuple(dataclasses.replace(s, path=Path("/elsewhere") / s.path.name) for s in part)
        for part in parts
    )
    yaml_lists = {"LRPiecewiseConstantDecay": {"values": [0.1, 0.2], "boundaries": [2]}}
    for same in (
        make(build_small(seed=77)),
        make(spec=spec.model_copy(update={"provenance": {"when": "now"}})),
        make(parts=moved),
        make(options=dataclasses.replace(OPTIONS, num_workers=9, cache_images=False)),
        make(options=dataclasses.replace(OPTIONS, callbacks=yaml_lists)),
        make(
            augmentation=make_augmentation(
                {
                    "random_flip": {"mode": "horizontal", "change_rate": 0.5},
                    "random_brightness": {"factor": 0.2, "change_rate": 0.7},
                }
            )
        ),
    ):
        assert same == expected


def test_what_matters(make, build_small, spec, parts):
    training, validation = parts
    relabelled = dataclasses.replace(training[2], ignored=~training[2].ignored)
    preprocess = spec.preprocess.model_copy(update={"aspect_ratio": "crop"})
    flip = {"random_flip": {"mode": "vertical", "change_rate": 0.5}}
    hashes = [
        make(),
        make(build_small(dropout=0.1)),
        make(spec=spec.model_copy(update={"preprocess": preprocess})),
        make(parts=(training[::-1], validation)),
        make(parts=((*training[:2], relabelled, training[3]), validation)),
        make(parts=(training, validation[:1])),
        make(options=dataclasses.replace(OPTIONS, seed=4)),
        make(options=dataclasses.replace(OPTIONS, optimizer_arguments={"learning_rate": 0.2})),
        make(augmentation=make_augmentation(None)),
        make(augmentation=make_augmentation(flip)),
        make(augmentation=make_augmentation({"random_mosaic": None, **flip})),
        make(options=dataclasses.replace(OPTIONS, ema_momentum=0.9)),
    ]
    assert len(set(hashes)) == len(hashes)
