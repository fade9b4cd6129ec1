"""Training on JAX."""

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any

from tinydet.backends.base import Backend, Gpu

# Of malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8


class Jax(Backend):
    """JAX: the whole step is compiled by XLA, which fuses its operations."""

    name = "jax"
    title = "JAX"
    extra = "train-jax"
    slow_on_cpus = True
    gpu_remedy = "Install the driver and pip install 'jax[cuda13]'."
    compiles_steps = True

    def gpus(self) -> list[Gpu]:
        """See ``Backend``."""
        import jax

        return [
            Gpu(device.device_kind, _capability(device))
            for device in jax.local_devices()
            if device.platform != "cpu"
        ]

    def use_gpu(self, index: int, memory_limit_gb: float | None) -> bool:
        """See ``Backend``."""
        import jax

        gpus = [device for device in jax.local_devices() if device.platform != "cpu"]
        jax.config.update("jax_default_device", gpus[index])
        return not memory_limit_gb  # JAX takes its share of the memory when it is loaded

    def use_cpu(self) -> None:
        """See ``Backend``."""
        import jax

        jax.config.update("jax_default_device", jax.local_devices(backend="cpu")[0])

    def keep_memory(self) -> None:
        """See ``Backend``.

        XLA takes the whole memory of a step from malloc at its begin. The GNU C library maps such
        a block anew each time, and clearing its pages takes as long as a good part of the step.
        """
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)  # the other arenas cannot grow beyond 64 MB
            mallopt(_M_MMAP_MAX, 0)
            mallopt(_M_TRIM_THRESHOLD, -1)  # never

    def be_deterministic(self) -> None:
        """See ``Backend``; JAX learns it from the environment alone."""

    def set_deterministic_environment(self) -> None:
        """See ``Backend``."""
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()

    def is_out_of_memory(self, error: BaseException) -> bool:
        """See ``Backend``."""
        return isinstance(error, RuntimeError) and "RESOURCE_EXHAUSTED" in str(error)

    def batch_norm(self, inputs: Any, scale: Any, offset: Any, epsilon: float) -> Any:
        """See ``Backend``; around the mean: the difference of squares, Keras' way, loses digits."""
        import jax

        values = inputs.astype("float32")
        axes = tuple(range(inputs.ndim - 1))
        mean = values.mean(axes)
        variance = jax.numpy.square(values - mean).mean(axes)
        factor = scale.value * jax.lax.rsqrt(variance + epsilon)
        outputs = (values - mean) * factor + offset.value
        return outputs.astype(inputs.dtype), mean, variance

    def depthwise(self, inputs: Any, kernel: Any, strides: tuple[int, int], padding: str) -> Any:
        """See ``Backend``; on GPUs the convolution of cuDNN is the faster one."""
        import jax

        device = jax.config.jax_default_device or jax.local_devices()[0]
        if getattr(device, "platform", device) != "cpu":  # the setting may be the platform's name
            return None
        from tinydet.backends.jax_depthwise import depthwise

        return depthwise(inputs, kernel, strides, padding)

    def step_in_parts(self, model: Any, loss: Any, parts: int) -> Callable[..., Any]:
        """See ``Backend``."""
        import jax
        from keras import StatelessScope

        def train_step(state: Any, data: Any) -> Any:
            learnt, other, optimizer, metrics = state
            images, rows = data[0], data[1]
            count = loss.count(rows)

            def cost_of(learnt: Any, other: Any, images: Any, rows: Any) -> Any:
                outputs, other = model.stateless_call(learnt, other, images, training=True)
                cost = loss.cost(rows, outputs) / count
                own = zip(model.optimizer.variables, optimizer, strict=True)
                with StatelessScope(state_mapping=list(own)):
                    return model.optimizer.scale_loss(cost), (cost, other)

            def add_part(carried: Any, part: Any) -> Any:
                sums, other, total = carried
                gradient_of = jax.value_and_grad(cost_of, has_aux=True)
                (_, (cost, other)), gradients = gradient_of(learnt, other, *part)
                return (jax.tree.map(jax.numpy.add, sums, gradients), other, total + cost), None

            start = jax.tree.map(jax.numpy.zeros_like, learnt), other, 0.0
            divided = [tensor.reshape(parts, -1, *tensor.shape[1:]) for tensor in (images, rows)]
            (gradients, other, total), _ = jax.lax.scan(add_part, start, divided)
            learnt, optimizer = model.optimizer.stateless_apply(optimizer, gradients, learnt)
            logs, metrics = model._update_metrics_variables(
                metrics, total, images, rows, None, None
            )
            return logs, (learnt, other, optimizer, metrics)

        return train_step


def _capability(device: Any) -> tuple[int, int]:
    major, _, minor = str(getattr(device, "compute_capability", "0.0")).partition(".")
    return int(major), int(minor or 0)
