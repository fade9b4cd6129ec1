"""Training on PyTorch."""

import os
from collections.abc import Callable
from typing import Any

from tinydet.backends.base import Backend, Gpu


class Torch(Backend):
    """PyTorch: operations one by one, with its own fused batch normalization."""

    name = "torch"
    title = "PyTorch"
    extra = "train-torch"
    slow_on_cpus = True
    shares_batches = True
    gpu_remedy = "Install the driver and the PyTorch wheel for it (pytorch.org)."

    def gpus(self) -> list[Gpu]:
        """See ``Backend``."""
        import torch

        if torch.cuda.is_available():
            return [
                Gpu(torch.cuda.get_device_name(index), torch.cuda.get_device_capability(index))
                for index in range(torch.cuda.device_count())
            ]
        return [Gpu("mps")] if torch.backends.mps.is_available() else []

    def use_gpu(self, index: int, memory_limit_gb: float | None) -> bool:
        """See ``Backend``."""
        import torch

        if not torch.cuda.is_available():
            _compute_on("mps")
            return False
        torch.cuda.set_device(index)
        _compute_on(f"cuda:{index}")
        if memory_limit_gb:
            total = torch.cuda.get_device_properties(index).total_memory
            share = min(1.0, memory_limit_gb * 2**30 / total)
            torch.cuda.set_per_process_memory_fraction(share, index)
        return True

    def use_cpu(self) -> None:
        """See ``Backend``."""
        _compute_on("cpu")

    def use_cores(self, count: int) -> None:
        """See ``Backend``."""
        import torch

        torch.set_num_threads(count)

    def set_deterministic_environment(self) -> None:
        """See ``Backend``."""
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

    def be_deterministic(self) -> None:
        """See ``Backend``."""
        import torch

        torch.use_deterministic_algorithms(True)

    def seed(self, value: int) -> None:
        """See ``Backend``; Keras' dropout leaves its seed out under PyTorch."""
        import torch

        torch.manual_seed(value)

    def is_out_of_memory(self, error: BaseException) -> bool:
        """See ``Backend``."""
        import torch

        if isinstance(error, torch.cuda.OutOfMemoryError):
            return True
        return isinstance(error, RuntimeError) and "MPS backend out of memory" in str(error)

    def batch_norm(self, inputs: Any, scale: Any, offset: Any, epsilon: float) -> Any:
        """See ``Backend``."""
        import torch

        channels = inputs.shape[-1]
        mean, variance = torch.zeros((2, channels), dtype=torch.float32, device=inputs.device)
        outputs = torch.nn.functional.batch_norm(
            inputs.movedim(-1, 1),  # a view: the layout that PyTorch calls channels_last
            mean,  # a momentum of 1 leaves the statistics of this batch in them
            variance,
            scale.value,
            offset.value,
            training=True,
            momentum=1.0,
            eps=epsilon,
        )
        count = inputs.numel() / channels
        return outputs.movedim(1, -1), mean, variance * ((count - 1) / count)

    def best_indices(self, values: Any, count: int) -> Any:
        """See ``Backend``; of equals, ``torch.topk`` takes any, ``argmax`` the first."""
        import torch

        rest, found = values.clone(), []
        for _ in range(count):
            found.append(rest.argmax(-1, keepdim=True))
            rest.scatter_(-1, found[-1], -torch.inf)
        return torch.cat(found, -1)

    def step_in_parts(self, model: Any, loss: Any, parts: int) -> Callable[..., Any]:
        """See ``Backend``."""
        import torch
        from keras import ops

        def train_step(data: Any) -> Any:
            images, rows = map(ops.convert_to_tensor, data[:2])
            count = loss.count(rows)
            total = 0.0
            model.zero_grad()
            for part, part_rows in zip(images.chunk(parts), rows.chunk(parts), strict=True):
                cost = loss.cost(part_rows, model(part, training=True)) / count
                model.optimizer.scale_loss(cost).backward()
                total = total + cost.detach()
            variables = model.trainable_variables
            with torch.no_grad():
                model.optimizer.apply([each.value.grad for each in variables], variables)
            model._loss_tracker.update_state(total, sample_weight=len(images))
            return model.get_metrics_result()

        return train_step


def _compute_on(device: str) -> None:
    import keras

    # For good: Keras offers a scope, which is never left.
    keras.device(device).__enter__()
