"""On which devices and in which processes training runs."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tinydet.backends import BACKENDS, Backend, Gpu, choose_backend
from tinydet.config.schema import UserConfig
from tinydet.errors import UnsupportedError
from tinydet.look_ahead import usable_cores

if TYPE_CHECKING:
    from tinydet.training.distribution import Cluster, ProcessGroup

FASTER_ON_CPUS = "TensorFlow is at least twice as fast there (pip install 'tinydet[train]')"


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
    import tinydet.model  # noqa: F401 - loads the framework without its messages

    backend = choose_backend()
    gpus = [] if device == "cpu" else backend.gpus()
    if device == "gpu" and not gpus:
        raise UnsupportedError(
            "general.device",
            "gpu",
            f"cpu, auto: {backend.title} does not find a GPU on this machine",
            f"Set it to auto, or: {backend.gpu_remedy}",
        )
    if not gpus:
        backend.use_cpu()
        if device != "cpu" and gpu_memory_limit:
            say("general.gpu_memory_limit: no GPU on this machine, training on the CPU")
        if backend.slow_on_cpus:
            say(f"Training with {backend.title} on the CPU: {FASTER_ON_CPUS}")
        return
    if len(gpus) > 1 and process is None:
        say(f"{len(gpus)} GPUs on this machine, training on the first{_all_gpus(backend, gpus)}")
    if not backend.use_gpu((process or 0) % len(gpus), gpu_memory_limit):
        say(f"general.gpu_memory_limit has no effect with {backend.title}: all memory can be taken")


def _all_gpus(backend: Backend, gpus: Sequence[Gpu]) -> str:
    known = f"; general.processes={len(gpus)} uses all of them"
    return known if backend.shares_batches else ""


def cluster_of(config: UserConfig) -> "Cluster | None":
    """The processes that train together; None where this one trains alone."""
    if not config.trains or config.general.distribution == "off":
        return None
    from tinydet.training.distribution.cluster import find_cluster

    return find_cluster(os.environ)


def join_group(config: UserConfig, say: Callable[[str], None]) -> "ProcessGroup":
    """Meet the other processes, where there are any; the devices are chosen before.

    Raises:
        ProcessGroupError: They cannot be met.
    """
    from tinydet.training.distribution import current_group, join

    cluster = cluster_of(config)
    if cluster is None:
        return current_group()
    backend = choose_backend()
    if not backend.shares_batches:
        raise UnsupportedError(
            "general.backend",
            f"{backend.name} in {len(cluster.addresses)} processes",
            ", ".join(each.name for each in BACKENDS.values() if each.shares_batches),
            "Choose one of these, or train in one process (general.distribution=off).",
        )
    if config.general.device == "cpu" or not backend.gpus():
        # Each would take all cores, and wait for the others most of the time.
        backend.use_cores(max(1, usable_cores() // cluster.local_size))
    addresses = ", ".join(cluster.addresses)
    say(f"Training with {len(cluster.addresses)} processes ({addresses}): waiting for all of them")
    return join(cluster)
