"""On which device training runs."""

from collections.abc import Callable

from tinydet.errors import UnsupportedError


def use_device(
    device: str,
    gpu_memory_limit: float | None,
    say: Callable[[str], None],
    *,
    process: int | None = None,
) -> None:
    """Choose CPU or GPU before the first tensor is made.

    Args:
        device: ``auto`` takes a GPU where there is one, ``gpu`` insists, ``cpu`` hides it.
        gpu_memory_limit: GB of GPU memory; None is unlimited.
        say: Tells the user what does not apply here.
        process: Which process of this machine this is, where several train together: it takes the
            GPU of that number.

    Raises:
        UnsupportedError: A GPU is wanted and none is there.
    """
    import tinydet.model  # noqa: F401, I001 - first: loads the framework without its messages
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if len(gpus) > 1 and device != "cpu":
        if process is None:
            say(
                f"{len(gpus)} GPUs on this machine, training on the first; "
                f"general.processes={len(gpus)} takes all"
            )
        gpus = [gpus[(process or 0) % len(gpus)]]
        tf.config.set_visible_devices(gpus, "GPU")
    if device == "gpu" and not gpus:
        raise UnsupportedError(
            "general.device",
            "gpu",
            "cpu, auto: TensorFlow finds no GPU on this machine",
            "Set it to auto, or install the driver and pip install 'tensorflow[and-cuda]'.",
        )
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    elif gpus and gpu_memory_limit:
        limit = tf.config.LogicalDeviceConfiguration(
            memory_limit=int(gpu_memory_limit * 1024)  # MB
        )
        for gpu in gpus:
            tf.config.set_logical_device_configuration(gpu, [limit])
    elif gpu_memory_limit:
        say("general.gpu_memory_limit: no GPU on this machine, training on the CPU")
