"""Several processes that train one network together: one per GPU, on one machine or on several.

Every process holds the whole network and works on its share of each batch; gradients are added up
over all of them before the optimizer sees them. The processes are found by ``TF_CONFIG``, torchrun
or SLURM and talk through the collective operations of TensorFlow or PyTorch (NCCL between GPUs):
nothing here starts, restarts or places a process.
"""

from tinydet.training.distribution.cluster import Cluster as Cluster
from tinydet.training.distribution.process_group import ProcessGroup as ProcessGroup
from tinydet.training.distribution.process_group import current_group as current_group
from tinydet.training.distribution.process_group import join as join
from tinydet.training.distribution.process_group import leave as leave
from tinydet.training.distribution.process_group import (
    told_of_lost_processes as told_of_lost_processes,
)
