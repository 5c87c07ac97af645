"""Which layers lose most is measured."""

from color_network import color_images, color_model

from edgecls.export.precision.float_network import read_float_network
from edgecls.export.precision.int8_graph import CalibrationMethod, observe_extremes, ranges_from
from edgecls.export.precision.int8_search import rank_layers
from edgecls.export.precision.recipe import RECIPES


def test_the_layers_around_an_outlier_come_first() -> None:
    model = color_model(outlier=1000)
    network = read_float_network(model)
    ranges = ranges_from(observe_extremes(network, color_images(), workers=1), CalibrationMethod.MIN_MAX)
    seen = []

    ranked = rank_layers(
        network,
        ranges,
        RECIPES["x86-vnni"],
        color_images(),
        model.card,
        workers=2,
        on_progress=lambda done, total: seen.append((done, total)),
    )

    assert set(ranked[:2]) == set(network.layers[:2])
    assert sorted(ranked) == sorted(network.layers)
    assert seen[-1] == (6, 6)
