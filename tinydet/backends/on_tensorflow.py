"""Training on TensorFlow: the fastest on CPUs, and what conversion to int8 needs."""

from collections.abc import Callable
from typing import Any

from tinydet.backends.base import Backend, Gpu


class TensorFlow(Backend):
    """TensorFlow: graphs and fused kernels."""

    name = "tensorflow"
    title = "TensorFlow"
    extra = "train"
    gpu_remedy = "Install the driver and pip install 'tensorflow[and-cuda]'."
    slow_on_cpus = False
    shares_batches = True

    def gpus(self) -> list[Gpu]:
        """See ``Backend``."""
        import tensorflow as tf

        details = tf.config.experimental.get_device_details
        return [
            Gpu(gpu.name, details(gpu).get("compute_capability") or (0, 0))
            for gpu in tf.config.list_physical_devices("GPU")
        ]

    def use_gpu(self, index: int, memory_limit_gb: float | None) -> bool:
        """See ``Backend``."""
        import tensorflow as tf

        gpu = tf.config.list_physical_devices("GPU")[index]
        tf.config.set_visible_devices([gpu], "GPU")
        if memory_limit_gb:
            limit = tf.config.LogicalDeviceConfiguration(
                memory_limit=int(memory_limit_gb * 1024)  # MB
            )
            tf.config.set_logical_device_configuration(gpu, [limit])
        return True

    def use_cpu(self) -> None:
        """See ``Backend``."""
        import tensorflow as tf

        tf.config.set_visible_devices([], "GPU")

    def use_cores(self, count: int) -> None:
        """See ``Backend``."""
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)

    def be_deterministic(self) -> None:
        """See ``Backend``."""
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()

    def is_out_of_memory(self, error: BaseException) -> bool:
        """See ``Backend``."""
        import tensorflow as tf

        return isinstance(error, tf.errors.ResourceExhaustedError)

    def batch_norm(self, inputs: Any, scale: Any, offset: Any, epsilon: float) -> Any:
        """See ``Backend``."""
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=scale,
            offset=offset,
            mean=[],
            variance=[],
            epsilon=epsilon,
            is_training=True,
        )
        # The kernel returns the unbiased variance; Keras' moving variance is the biased one.
        count = tf.cast(tf.size(inputs) / inputs.shape[-1], variance.dtype)
        return outputs, mean, variance * (count - 1) / count

    def step_in_parts(self, model: Any, loss: Any, parts: int) -> Callable[..., Any]:
        """See ``Backend``."""
        import tensorflow as tf

        def train_step(data: Any) -> Any:
            images, rows = data[0], data[1]
            count = loss.count(rows)
            size = tf.shape(images)[0] // parts
            variables = [variable.value for variable in model.trainable_variables]

            def add_part(index: Any, total: Any, sums: Any) -> Any:
                part = slice(index * size, (index + 1) * size)
                with tf.GradientTape() as tape:
                    cost = loss.cost(rows[part], model(images[part], training=True)) / count
                    scaled = model.optimizer.scale_loss(cost)
                gradients = tape.gradient(scaled, variables)
                return (
                    index + 1,
                    total + cost,
                    [s + g for s, g in zip(sums, gradients, strict=True)],
                )

            start = (tf.constant(0), tf.constant(0.0), [tf.zeros_like(v) for v in variables])
            # One after another: a graph would work on all parts at once, and so hold them all.
            _, total, gradients = tf.while_loop(
                lambda index, *_: index < parts, add_part, start, parallel_iterations=1
            )
            model.optimizer.apply(gradients, model.trainable_variables)
            model._loss_tracker.update_state(total, sample_weight=tf.shape(images)[0])
            return model.get_metrics_result()

        return train_step
