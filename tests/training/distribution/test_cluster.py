"""Who trains together, from what TF_CONFIG and SLURM say."""

import json

import pytest

from tinydet.errors import UnsupportedError
from tinydet.training.distribution.cluster import Cluster, expand_counts, expand_hosts, find_cluster

ADDRESSES = ("alpha:5000", "alpha:5001", "beta:5000")


@pytest.mark.parametrize("index", range(3))
def test_a_cluster_comes_back_from_its_tf_config(index):
    cluster = Cluster(ADDRESSES, index)
    assert find_cluster({"TF_CONFIG": cluster.to_tf_config()}) == cluster
    assert cluster.local_index == (0, 1, 0)[index]
    assert cluster.local_size == (2, 2, 1)[index]


def slurm(nodes, tasks, count, index):
    return {
        "SLURM_STEP_NODELIST": nodes,
        "SLURM_STEP_TASKS_PER_NODE": tasks,
        "SLURM_STEP_NUM_TASKS": str(count),
        "SLURM_PROCID": str(index),
    }


def test_the_tasks_of_one_srun_follow_the_order_of_the_nodes():
    """Also where it is not the order of their names."""
    cluster = find_cluster(slurm("n[9-10],m2", "2(x2),1", 5, 3))
    assert cluster is not None
    hosts = [address.split(":")[0] for address in cluster.addresses]
    assert hosts == ["n9", "n9", "n10", "n10", "m2"]
    assert len(set(cluster.addresses)) == 5
    assert (cluster.index, cluster.local_index) == (3, 1)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TF_CONFIG": ""},
        {"TF_CONFIG": Cluster(("a:1",), 0).to_tf_config()},
        slurm("n1", "1", 1, 0),
        {"SLURM_NTASKS": "4", "SLURM_PROCID": "0"},  # a batch script, not an srun
    ],
)
def test_alone(environment):
    assert find_cluster(environment) is None


def test_tf_config_goes_before_slurm():
    environment = slurm("n1", "2", 2, 1) | {"TF_CONFIG": Cluster(ADDRESSES, 2).to_tf_config()}
    assert find_cluster(environment) == Cluster(ADDRESSES, 2)


def config(workers, index, **others):
    return json.dumps(
        {"cluster": {"worker": workers, **others}, "task": {"type": "worker", "index": index}}
    )


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"TF_CONFIG": "{"}, "Correct it, for example"),
        ({"TF_CONFIG": '{"task": {"index": 0}}'}, "a task"),
        ({"TF_CONFIG": config(["a:1", "a:1"], 0)}, "distinct"),
        ({"TF_CONFIG": config(["a", "b:1"], 0)}, "host:port"),
        ({"TF_CONFIG": config(["a:1", "b:1"], 2)}, "task index 2"),
        ({"TF_CONFIG": config(["a:1"], 0, ps=["b:1"])}, "kind ps"),
        (slurm("n[1-2]", "2", 4, 0), "srun"),
        (slurm("n[1-2]", "2(x2)", 3, 0), "block"),
        (slurm("n[1-", "2", 4, 0), "srun"),
    ],
)
def test_contradictions_are_refused_in_one_line(environment, told):
    with pytest.raises(UnsupportedError) as error:
        find_cluster(environment)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[", "x(2)", "2(x)"])
def test_what_is_no_list(text):
    with pytest.raises(ValueError, match=r"tasks per node|host list"):
        (expand_counts if "(" in text or not text else expand_hosts)(text)


@pytest.mark.parametrize(("rank", "local"), [(0, 0), (1, 1), (2, 0), (3, 1)])
def test_the_processes_of_torchrun(rank, local):
    numbers = {"WORLD_SIZE": "4", "RANK": str(rank), "LOCAL_WORLD_SIZE": "2"}
    cluster = find_cluster({"TORCHELASTIC_RUN_ID": "none", **numbers})
    assert cluster is not None
    assert (cluster.index, cluster.local_index, cluster.local_size) == (rank, local, 2)
    assert len(set(cluster.addresses)) == 4


def test_half_of_what_torchrun_says():
    with pytest.raises(UnsupportedError, match=r"torchrun.*WORLD_SIZE"):
        find_cluster({"TORCHELASTIC_RUN_ID": "none", "RANK": "1"})
