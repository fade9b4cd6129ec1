"""Which processes train together, as the environment tells it. Needs no TensorFlow."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tinydet.errors import UnsupportedError

TF_CONFIG = "TF_CONFIG"
FIRST_PORT = 12_355  # of the processes of a machine under SLURM, which assigns none
TF_CONFIG_FORM = (
    '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True)
class Cluster:
    """The processes of one training.

    Attributes:
        addresses: ``host:port`` of every process, the same in all of them; at least two.
        index: Which one this process is. The first (0) writes the files.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def local_index(self) -> int:
        """How many processes before this one are on the same machine: which GPU it takes.

        >>> Cluster(("a:1", "a:2", "b:1", "b:2"), 3).local_index
        1
        """
        hosts = [address.rpartition(":")[0] for address in self.addresses]
        return hosts[: self.index].count(hosts[self.index])

    @property
    def local_size(self) -> int:
        """How many processes are on the machine of this one."""
        hosts = [address.rpartition(":")[0] for address in self.addresses]
        return hosts.count(hosts[self.index])

    def to_tf_config(self) -> str:
        """``TF_CONFIG`` that says the same."""
        task = {"type": "worker", "index": self.index}
        return json.dumps({"cluster": {"worker": list(self.addresses)}, "task": task})


def find_cluster(environment: Mapping[str, str]) -> Cluster | None:
    """The processes that this one was started with.

    Args:
        environment: ``TF_CONFIG`` goes before what ``torchrun`` sets, and that before what ``srun``
            sets for the tasks of a step.

    Returns:
        None where the process is alone.

    Raises:
        UnsupportedError: The environment is contradictory.
    """
    if environment.get(TF_CONFIG):
        cluster = _of_tf_config(environment[TF_CONFIG])
    elif "TORCHELASTIC_RUN_ID" in environment:
        cluster = _of_torchrun(environment)
    elif "SLURM_STEP_NUM_TASKS" in environment:  # of srun; a batch script alone has none
        cluster = _of_slurm(environment)
    else:
        return None
    return cluster if len(cluster.addresses) > 1 else None


def _of_tf_config(text: str) -> Cluster:
    remedy = f"Correct it, for example {TF_CONFIG_FORM}, or unset it."
    try:
        given = json.loads(text)
        workers, index = tuple(given["cluster"]["worker"]), int(given["task"]["index"])
        others = set(given["cluster"]) - {"worker"}
    except (ValueError, KeyError, TypeError):
        raise UnsupportedError(TF_CONFIG, text, "workers and a task", remedy) from None
    if others:
        found = f"processes of kind {', '.join(sorted(others))}"
        raise UnsupportedError(TF_CONFIG, found, "workers", remedy)
    if len(set(workers)) < len(workers) or not all(
        isinstance(worker, str) and re.fullmatch(r".+:\d+", worker) for worker in workers
    ):
        raise UnsupportedError(TF_CONFIG, str(workers), "distinct host:port addresses", remedy)
    if not 0 <= index < len(workers):
        supported = f"0 to {len(workers) - 1}"
        raise UnsupportedError(TF_CONFIG, f"task index {index}", supported, remedy)
    return Cluster(workers, index)


def _of_torchrun(environment: Mapping[str, str]) -> Cluster:
    """The addresses only tell the machines apart: PyTorch knows where the processes meet."""
    try:
        count, index = int(environment["WORLD_SIZE"]), int(environment["RANK"])
        local = int(environment["LOCAL_WORLD_SIZE"])
    except (ValueError, KeyError) as error:
        found = f"variables that cannot be read ({error})"
        remedy = "Start the processes with torchrun, or unset TORCHELASTIC_RUN_ID."
        raise UnsupportedError("torchrun", found, "WORLD_SIZE, RANK", remedy) from None
    addresses = tuple(f"machine{i // local}:{FIRST_PORT + i % local}" for i in range(count))
    return Cluster(addresses, index)


def _of_slurm(environment: Mapping[str, str]) -> Cluster:
    try:
        hosts = expand_hosts(environment["SLURM_STEP_NODELIST"])
        tasks = expand_counts(environment["SLURM_STEP_TASKS_PER_NODE"])
        count, index = int(environment["SLURM_STEP_NUM_TASKS"]), int(environment["SLURM_PROCID"])
        addresses = tuple(
            f"{host}:{FIRST_PORT + local}"
            for host, number in zip(hosts, tasks, strict=True)
            for local in range(number)
        )
    except (ValueError, KeyError) as error:
        raise UnsupportedError(
            "SLURM",
            f"a step whose variables cannot be read ({error})",
            "the tasks of one srun",
            "Start the processes with srun, or give TF_CONFIG.",
        ) from None
    if len(addresses) != count or not 0 <= index < count:
        found = f"task {index} of {count} on nodes with {len(addresses)} tasks"
        raise UnsupportedError("SLURM", found, "block distribution", "Use srun -m block.")
    return Cluster(addresses, index)


def expand_hosts(text: str) -> list[str]:
    """The names in a host list of SLURM.

    Raises:
        ValueError: It is none.

    >>> expand_hosts("login,node[08-10,12],gpu2")
    ['login', 'node08', 'node09', 'node10', 'node12', 'gpu2']
    """
    hosts = []
    host = r"([^,\[\]]+)(?:\[([\d,-]+)\])?([^,\[\]]*)"
    if not re.fullmatch(f"{host}(,{host})*", text):
        raise ValueError(f"host list {text!r}")
    for prefix, ranges, suffix in re.findall(f"{host}(?:,|$)", text):
        if not ranges:
            hosts.append(prefix)
            continue
        for span in ranges.split(","):
            first, _, last = span.partition("-")
            for number in range(int(first), int(last or first) + 1):
                hosts.append(f"{prefix}{number:0{len(first)}d}{suffix}")
    return hosts


def expand_counts(text: str) -> list[int]:
    """The numbers in a list of tasks per node of SLURM.

    Raises:
        ValueError: It is none.

    >>> expand_counts("4(x2),1")
    [4, 4, 1]
    """
    counts: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if match is None:
            raise ValueError(f"tasks per node {text!r}")
        counts += [int(match[1])] * int(match[2] or 1)
    return counts
