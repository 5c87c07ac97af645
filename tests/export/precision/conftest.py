"""A small network of convolutions, ready to be reduced, and images to do it with."""

from pathlib import Path

import pytest
from color_network import color_images, color_model
from image_folders import write_class_folders

from edgecls.export.precision.float_network import FloatNetwork, read_float_network
from edgecls.export.precision.int8_graph import CalibrationMethod, Ranges, observe_extremes, ranges_from


@pytest.fixture(scope="session")
def color_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("colors"), per_label=20)


@pytest.fixture(scope="session")
def network() -> FloatNetwork:
    """With a second output, the class activation."""
    return read_float_network(color_model(class_activation=True))


@pytest.fixture(scope="session")
def ranges(network: FloatNetwork) -> Ranges:
    return ranges_from(observe_extremes(network, color_images(), workers=2), CalibrationMethod.MIN_MAX)
