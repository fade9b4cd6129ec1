"""Training by several processes: who leads, who follows, and how those of one machine start."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.config.schema import UserConfig
from tinydet.errors import ProcessGroupError
from tinydet.pipeline.context import Run
from tinydet.pipeline.log import RunLog

if TYPE_CHECKING:
    from tinydet.training.distribution import Cluster, ProcessGroup

SECONDS_TO_END = 10  # what a process gets to end by itself


def cluster_of(config: UserConfig) -> "Cluster | None":
    """The processes that train together; None where this one trains alone."""
    if not config.trains or config.general.distribution == "off":
        return None
    from tinydet.training.distribution.cluster import find_cluster

    return find_cluster(os.environ)


def follow(config: UserConfig) -> Path:
    """Train as one of the processes that only help: all results are those of the first one.

    Args:
        config: The same as that of the first process.

    Returns:
        The folder that this process has worked in; it is gone.

    Raises:
        ProcessGroupError: The seed is to be drawn: the processes would draw different ones.
    """
    from tinydet.pipeline.train_stage import train_stage

    if config.general.global_seed is None:
        found = "None, which every process would draw for itself"
        raise ProcessGroupError("general.global_seed", found, "Give a number.")
    with tempfile.TemporaryDirectory(prefix="tinydet_process_") as folder:
        train_stage(Run(config, Path(folder), RunLog(Path(folder), prints=False)))
        return Path(folder)


def join_group(config: UserConfig, say: Callable[[str], None]) -> "ProcessGroup":
    """Meet the other processes, where there are any; the devices are chosen before.

    Raises:
        ProcessGroupError: They cannot be met.
    """
    from tinydet.training.distribution import current_group, join

    cluster = cluster_of(config)
    if cluster is None:
        return current_group()
    import tensorflow as tf

    if not tf.config.get_visible_devices("GPU"):
        # Each would take all cores, and wait for the others most of the time.
        cores = max(1, _num_cores() // cluster.local_size)
        tf.config.threading.set_intra_op_parallelism_threads(cores)
        tf.config.threading.set_inter_op_parallelism_threads(cores)
    addresses = ", ".join(cluster.addresses)
    say(f"Training with {len(cluster.addresses)} processes ({addresses}): waiting for all of them")
    return join(cluster)


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # what SLURM or taskset leave to this process
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def processes_of_this_machine(config: UserConfig, config_file: Path) -> Iterator[None]:
    """Start the processes of ``general.processes`` that follow this one; end them afterwards.

    Nothing is started where the environment already tells of processes.

    Args:
        config: Of the run.
        config_file: The same configuration as a file, for them.
    """
    count = config.general.processes
    if not config.trains or count == 1 or cluster_of(config) is not None:
        yield
        return
    from tinydet.training.distribution.cluster import TF_CONFIG, Cluster

    addresses = tuple(f"localhost:{port}" for port in _free_ports(count))
    command = [sys.executable, "-m", "tinydet.cli", "run", "--config", str(config_file)]
    before = os.environ.get(TF_CONFIG)
    with ExitStack() as stack:
        for index in range(1, count):
            environment = {**os.environ, TF_CONFIG: Cluster(addresses, index).to_tf_config()}
            # In a session of its own: Ctrl-C is for the first process, which ends the others.
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
            )
            stack.callback(_end, process)
        os.environ[TF_CONFIG] = Cluster(addresses, 0).to_tf_config()
        try:
            yield
        finally:
            os.environ.pop(TF_CONFIG)
            if before is not None:
                os.environ[TF_CONFIG] = before


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody uses now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [int(each.getsockname()[1]) for each in sockets]
