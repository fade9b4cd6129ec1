"""The RAM of a network that is not trained yet."""

import json
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tinydet.config.files import write_text_atomically
from tinydet.config.schema import UserConfig


class ArenaSizes:
    """Activation RAM of networks by their configuration; each is compiled once.

    Args:
        path: JSON file that remembers them.
        num_classes: Of the data set.
    """

    def __init__(self, path: Path, num_classes: int) -> None:
        self.path = path
        self.num_classes = num_classes
        self._known: dict[str, int] = {}
        if path.exists():
            self._known = json.loads(path.read_text(encoding="utf-8"))

    def arena_bytes(self, config: UserConfig) -> int:
        """Least activation RAM of the compiled network.

        Args:
            config: ``training.model`` is set.
        """
        key = json.dumps(self._network(config))
        if key not in self._known:
            # In a process of its own: TensorFlow keeps what it has taken, of the GPU too.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                found = pool.submit(_arena_of_untrained, config, self.num_classes).result()
            self._known[key] = found
            write_text_atomically(self.path, json.dumps(self._known, indent=2) + "\n")
        return self._known[key]

    def _network(self, config: UserConfig) -> list[Any]:
        model = config.training.model
        if model is None:
            raise ValueError("a search over networks needs training.model")
        anchors_per_cell = len(model.anchors.aspect_ratios) + 1
        sizes = [model.alpha, *model.input_shape[:2], *astuple(model.network_size())]
        return [*sizes, anchors_per_cell, config.training.recipe, self.num_classes]


def _arena_of_untrained(config: UserConfig, num_classes: int) -> int:
    """Bytes that the arena of a network with random weights takes at least.

    Training can only make channels constant, which takes less.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    from tinydet.compiler import CompileOptions, compile_detector
    from tinydet.pipeline.network import untrained_int8

    names = tuple(f"class {index}" for index in range(num_classes))
    with tempfile.TemporaryDirectory() as folder:
        path = untrained_int8(config, names, Path(folder))
        return compile_detector(path, CompileOptions(optimize="ram")).arena_bytes
