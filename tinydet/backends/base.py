"""What training asks of a backend beyond Keras."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar


@dataclass(frozen=True)
class Gpu:
    """A GPU as a backend sees it.

    Attributes:
        name: As the backend calls it.
        capability: CUDA compute capability; ``(0, 0)`` where there is none or it is unknown.
    """

    name: str
    capability: tuple[int, int] = (0, 0)


class Backend(ABC):
    """One of the frameworks that Keras can compute with.

    Attributes:
        name: As in ``KERAS_BACKEND``; also the name of its module and package.
        title: As people write it.
        extra: Of tinydet, which installs it.
        gpu_remedy: How it comes to see a GPU, a full sentence.
        compiles_steps: Whether Keras is to compile the training step with it; TensorFlow makes a
            graph of the step anyway.
        slow_on_cpus: TensorFlow is at least twice as fast there.
        shares_batches: Whether several processes can train together with it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    extra: ClassVar[str]
    gpu_remedy: ClassVar[str]
    compiles_steps: ClassVar[bool] = False
    slow_on_cpus: ClassVar[bool]
    shares_batches: ClassVar[bool] = False

    def is_installed(self) -> bool:
        """Whether it could be loaded; it is not."""
        return find_spec(self.name) is not None

    @abstractmethod
    def gpus(self) -> list[Gpu]:
        """The GPUs that it sees."""

    @abstractmethod
    def use_gpu(self, index: int, memory_limit_gb: float | None) -> bool:
        """Compute on one of ``gpus()``, before the first tensor is made.

        Args:
            index: Which one.
            memory_limit_gb: How much of its memory may be taken, GB; None for all.

        Returns:
            Whether the limit holds.
        """

    @abstractmethod
    def use_cpu(self) -> None:
        """Compute on the CPU, before the first tensor is made."""

    def use_cores(self, count: int) -> None:  # noqa: B027 - only where batches are shared
        """Compute with so many threads, before the first tensor is made."""

    def keep_memory(self) -> None:  # noqa: B027 - most have an allocator of their own
        """Let the memory of a step stay for the next one, before the framework is loaded."""

    def set_deterministic_environment(self) -> None:  # noqa: B027 - most are told later
        """What deterministic kernels need in the environment, before the framework is loaded."""

    @abstractmethod
    def be_deterministic(self) -> None:
        """Use deterministic kernels only."""

    def seed(self, value: int) -> None:  # noqa: B027 - most draw from states of Keras alone
        """Seed what random layers draw from where it is not a state of theirs.

        Args:
            value: From 0 on, 31 bits.
        """

    @abstractmethod
    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an error says that the memory of the device does not suffice."""

    def batch_norm(self, inputs: Any, scale: Any, offset: Any, epsilon: float) -> Any:  # noqa: ARG002 - of those that have one
        """Batch normalization of a training step in one kernel.

        Args:
            inputs: ``[B, ..., C]``.
            scale: ``[C]`` float32.
            offset: ``[C]`` float32.
            epsilon: Added to the variance.

        Returns:
            ``(outputs, mean [C], biased variance [C])``; None where there is no such kernel, or
            the compiler makes one by itself.
        """
        return None

    def depthwise(self, inputs: Any, kernel: Any, strides: tuple[int, int], padding: str) -> Any:  # noqa: ARG002 - of those that have one
        """Depthwise convolution in a way that is faster than Keras'.

        Args:
            inputs: ``[B, H, W, C]``.
            kernel: ``[h, w, C]``.
            strides: Of rows and columns.
            padding: ``"same"`` or ``"valid"``.

        Returns:
            ``[B, H', W', C]``; None where Keras' own is the fastest on this device.
        """
        return None

    def best_indices(self, values: Any, count: int) -> Any:
        """Indices of the largest values of each row, the largest first; of equals the first.

        Args:
            values: ``[..., N]``.
            count: At most N.

        Returns:
            ``[..., count]`` integers.
        """
        from keras import ops

        return ops.top_k(values, count)[1]

    @abstractmethod
    def step_in_parts(self, model: Any, loss: Any, parts: int) -> Callable[..., Any]:
        """A training step that takes its batch in parts, one after another.

        The gradients of the parts are added up before the optimizer sees them; the memory is that
        of one part.

        Args:
            model: A compiled ``keras.Model``.
            loss: Has ``cost(y_true, y_pred)``, a sum over images, and ``count(y_true)``, by which
                the sum over all parts is divided.
            parts: Of equal size.

        Returns:
            To be ``model.train_step``.
        """
