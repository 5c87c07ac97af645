"""The devices to train on: the CPU, a GPU, or several GPUs that share each batch."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from edgecls.errors import TrainingError
from edgecls.training.config import Device, MixedPrecision

__all__ = ["FULL_PRECISION", "Devices", "choose_devices", "dtype_policy", "is_out_of_memory"]

FULL_PRECISION = "float32"
MIXED_PRECISION = "mixed_float16"
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")  # exists if the kernel drives an NVIDIA GPU


@dataclass(frozen=True)
class Devices:
    """The devices of a run.

    Attributes:
        kind: CPU or GPU.
        names: Of the devices, at least one; several share each batch.
        remark: What a user should know about the choice; may be empty.
    """

    kind: Device
    names: tuple[str, ...]
    remark: str = ""

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Build, compile and fit networks in this block, so that all devices take part.

        On TensorFlow by its MirroredStrategy, because Keras's own distribution API does nothing there; on
        JAX by `keras.distribution.DataParallel`.
        """
        if len(self.names) == 1:
            yield
        elif keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            with tf.distribute.MirroredStrategy([f"/{name}" for name in self.names]).scope():
                yield
        else:
            with keras.distribution.DataParallel(devices=list(self.names), auto_shard_dataset=False).scope():
                yield


def choose_devices(wanted: Device) -> Devices:
    """Choose the devices to train on.

    Choosing the CPU on a machine with GPUs applies to the rest of the process.

    Raises:
        TrainingError: A GPU is requested and Keras's backend finds none, or it is too late to hide the GPUs.
    """
    backend = keras.backend.backend()
    if wanted is Device.CPU:
        _hide_gpus(backend)
        return Devices(Device.CPU, ("cpu:0",))
    gpus = tuple(_gpus(backend))
    if gpus:
        return Devices(Device.GPU, gpus)
    reason = f"{backend} finds no GPU"
    if NVIDIA_DRIVER.exists():
        package = {"tensorflow": "tensorflow[and-cuda]", "jax": "jax[cuda13]"}.get(backend, backend)
        reason += f', though there is an NVIDIA driver: pip install "{package}" brings what it lacks'
    if wanted is Device.GPU:
        raise TrainingError(f"cannot train on a GPU: {reason}; use --device cpu")
    return Devices(Device.CPU, ("cpu:0",), f"training on the CPU: {reason}")


def dtype_policy(wanted: MixedPrecision, devices: Devices) -> str:
    """Return the name of Keras's dtype policy for the network to train."""
    if wanted is MixedPrecision.ON or (wanted is MixedPrecision.AUTO and devices.kind is Device.GPU):
        return MIXED_PRECISION
    return FULL_PRECISION


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception of Keras's backend means that a device is out of memory."""
    return type(error).__name__ == "ResourceExhaustedError" or "RESOURCE_EXHAUSTED" in str(error)


def _gpus(backend: str) -> list[str]:
    if backend == "tensorflow":
        import tensorflow as tf

        return [f"gpu:{index}" for index, _ in enumerate(tf.config.get_visible_devices("GPU"))]
    if backend == "torch":  # Keras trains on one GPU there, and has no list of them
        import torch

        return ["cuda:0"] if torch.cuda.is_available() else []
    try:
        return list(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # JAX, when it has no such platform
        return []


def _hide_gpus(backend: str) -> None:
    if backend == "tensorflow":
        import tensorflow as tf

        module: Any = tf.config
        if module.get_visible_devices("GPU"):
            try:
                module.set_visible_devices([], "GPU")
            except RuntimeError as error:
                raise TrainingError(
                    "cannot train on the CPU: TensorFlow is using a GPU in this process already; start a new process"
                ) from error
    elif backend == "jax":
        import jax

        jax.config.update("jax_default_device", jax.devices("cpu")[0])  # type: ignore[no-untyped-call]
