"""Sums over the processes that train together, as each backend makes them."""

import os
from abc import ABC, abstractmethod
from typing import Any

from tinydet.training.distribution.cluster import TF_CONFIG, Cluster

SIGNS_OF_LOSS = ("gloo", "nccl", "connection", "peer")  # in what torch.distributed raises
GROUP_KEY = 0x7D  # tells the group apart from those that TensorFlow makes for itself


class Collectives(ABC):
    """How the processes of a group meet and add tensors up."""

    @abstractmethod
    def meet(self, cluster: Cluster) -> None:
        """Wait until all processes are there; raises whatever where they do not come."""

    @abstractmethod
    def total(self, tensor: Any) -> Any:
        """Sum of a tensor over the processes; no gradient."""

    @abstractmethod
    def differentiable_total(self, value: Any) -> Any:
        """The same; its gradient is the sum of the processes' gradients."""

    @abstractmethod
    def is_lost(self, error: Exception) -> bool:
        """Whether an error says that a process is gone or has not come."""


class TensorFlowCollectives(Collectives):
    """TensorFlow's collective operations: NCCL between GPUs."""

    def __init__(self) -> None:
        self._size = 1
        self._sums = 0
        self._order: Any = None

    def meet(self, cluster: Cluster) -> None:
        """See ``Collectives``; before TensorFlow does anything but choose the visible devices."""
        import tensorflow as tf

        os.environ[TF_CONFIG] = cluster.to_tf_config()  # where TensorFlow looks
        # Starts the server of the collective operations, and a watch over the others that
        # ends every sum with an error where one of them is gone.
        tf.distribute.MultiWorkerMirroredStrategy()
        self._size = len(cluster.addresses)

    def total(self, tensor: Any) -> Any:
        """See ``Collectives``; works in a compiled step and outside."""
        import tensorflow as tf

        if self._order is None:
            with tf.init_scope():
                self._order = tf.Variable(0.0, trainable=False)
        self._sums += 1
        return tf.raw_ops.CollectiveReduceV2(
            input=tensor,
            group_size=self._size,
            group_key=GROUP_KEY,
            instance_key=self._sums,
            # All processes begin their sums in the same order: NCCL would wait for ever else.
            ordering_token=[self._order.handle],
            merge_op="Add",
            final_op="Id",
            communication_hint="nccl" if tf.config.get_visible_devices("GPU") else "auto",
        )

    def differentiable_total(self, value: Any) -> Any:
        """See ``Collectives``."""
        import tensorflow as tf

        @tf.custom_gradient  # type: ignore[untyped-decorator]  # tensorflow ships no types
        def summed(tensor: Any) -> Any:
            return self.total(tensor), self.total

        return summed(tf.convert_to_tensor(value))

    def is_lost(self, error: Exception) -> bool:
        """See ``Collectives``."""
        import tensorflow as tf

        lost = (
            tf.errors.UnavailableError,
            tf.errors.AbortedError,
            tf.errors.CancelledError,
            tf.errors.DeadlineExceededError,
            tf.errors.InternalError,
        )
        return isinstance(error, lost)


class TorchCollectives(Collectives):
    """``torch.distributed``: NCCL between GPUs, Gloo between CPUs."""

    def meet(self, cluster: Cluster) -> None:
        """See ``Collectives``; ``torchrun`` tells where, else it is the first address."""
        import torch

        is_of_torchrun = "TORCHELASTIC_RUN_ID" in os.environ
        torch.distributed.init_process_group(
            "nccl" if self._device() == "cuda" else "gloo",
            init_method="env://" if is_of_torchrun else f"tcp://{cluster.addresses[0]}",
            rank=cluster.index,
            world_size=len(cluster.addresses),
        )

    def total(self, tensor: Any) -> Any:
        """See ``Collectives``."""
        import torch

        summed = torch.as_tensor(tensor, device=self._device()).detach().clone()
        torch.distributed.all_reduce(summed)
        return summed

    def differentiable_total(self, value: Any) -> Any:
        """See ``Collectives``."""
        import torch

        class Summed(torch.autograd.Function):  # type: ignore[misc]  # of a package that may lack
            @staticmethod
            def forward(_: Any, tensor: Any) -> Any:
                return self.total(tensor)

            @staticmethod
            def backward(_: Any, gradient: Any) -> Any:
                return self.total(gradient)

        return Summed.apply(torch.as_tensor(value, device=self._device()))

    def is_lost(self, error: Exception) -> bool:
        """See ``Collectives``; Gloo has no class of its own for a connection that is closed."""
        said = str(error).lower()
        return isinstance(error, RuntimeError) and any(word in said for word in SIGNS_OF_LOSS)

    @staticmethod
    def _device() -> str:
        from keras.src.backend.torch.core import get_device

        return str(get_device()).partition(":")[0]


COLLECTIVES: dict[str, type[TensorFlowCollectives] | type[TorchCollectives]] = {
    "tensorflow": TensorFlowCollectives,
    "torch": TorchCollectives,
}
