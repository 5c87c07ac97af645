"""What trains."""

import os
import subprocess
import sys

import keras
import pytest

from edgecls.errors import TrainingError
from edgecls.training.config import Device, MixedPrecision
from edgecls.training.devices import Devices, choose_devices, dtype_policy, is_out_of_memory

NO_GPU = choose_devices(Device.AUTO).kind is Device.CPU
CPU = Devices(Device.CPU, ("cpu:0",))
GPU = Devices(Device.GPU, ("gpu:0",))


@pytest.mark.skipif(not NO_GPU, reason="needs a machine without a GPU")
def test_auto_falls_back_to_the_cpu_and_says_so_and_gpu_does_not() -> None:
    devices = choose_devices(Device.AUTO)

    assert devices.kind is Device.CPU
    assert devices.remark.startswith("training on the CPU: tensorflow finds no GPU")
    with pytest.raises(TrainingError, match=r"cannot train on a GPU: tensorflow finds no GPU.*use --device cpu"):
        choose_devices(Device.GPU)


def test_the_cpu_that_was_asked_for_is_no_matter_of_remark() -> None:
    assert choose_devices(Device.CPU) == CPU


@pytest.mark.parametrize(
    ("wanted", "devices", "policy"),
    [
        (MixedPrecision.AUTO, CPU, "float32"),
        (MixedPrecision.AUTO, GPU, "mixed_float16"),
        (MixedPrecision.ON, CPU, "mixed_float16"),
        (MixedPrecision.OFF, GPU, "float32"),
    ],
)
def test_mixed_precision_is_for_gpus_unless_asked_for(wanted: MixedPrecision, devices: Devices, policy: str) -> None:
    assert dtype_policy(wanted, devices) == policy


def test_lack_of_memory_is_told_from_other_faults() -> None:
    assert is_out_of_memory(RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes"))
    assert not is_out_of_memory(RuntimeError("INVALID_ARGUMENT: bad shape"))


TWO_DEVICES = """
import sys
import numpy as np
import keras
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from edgecls.dataset.pixel_cache import CachedImages
from edgecls.image_spec import ImageSpec
from edgecls.training.config import Device, TrainConfig
from edgecls.training.devices import Devices
from edgecls.training.trainer import build_network, train

rng = np.random.default_rng(0)
label_ids = np.arange(44, dtype=np.int32) % 2
pixels = rng.integers(0, 100, (44, 16, 16, 3), np.uint8) + (label_ids * 120).astype(np.uint8)[:, None, None, None]
images = CachedImages(("a", "b"), pixels, label_ids, ("",) * 44, np.arange(44), (), "")
config = TrainConfig(ImageSpec(16, 16), arch="simple_cnn", weights="none", epochs=2, batch_size=8, augment=False)
names = tuple(sys.argv[1].split(","))
with Devices(Device.CPU, names).scope():
    network = build_network(config, num_classes=2)
    trained = train(
        config, network, images, train_indices=range(37), validation_indices=range(37, 44), device_count=2
    )
print(*(f"{report.loss:.4f} {report.validation_loss:.4f}" for report in trained.history))
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_share_each_batch(backend: str) -> None:
    pytest.importorskip(backend)
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }

    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, "cpu:0,cpu:1"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    losses = [float(text) for text in done.stdout.split()]
    assert len(losses) == 4
    assert losses[2] < losses[0]


def test_one_device_needs_no_scope() -> None:
    with CPU.scope():
        assert keras.distribution.distribution() is None
