"""The settings that are worth trying."""

import pytest

from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuning.candidates import candidate_settings


def _counts(provider: Provider, cores: int) -> list[tuple[int, int, int]]:
    settings = candidate_settings(provider, cores=cores)
    assert {setting.provider for setting in settings} == {provider}
    return [(setting.workers, setting.intra_op_threads, setting.batch_size) for setting in settings]


def test_on_the_cpu_cores_are_divided_between_images_and_threads() -> None:
    assert _counts(Provider.CPU, 2) == [(2, 1, 1), (1, 1, 1), (1, 2, 1), (4, 1, 1), (8, 2, 4), (32, 2, 16)]
    assert {(6, 1, 1), (3, 2, 1), (1, 4, 1), (1, 6, 1)} <= set(_counts(Provider.CPU, 6))


def test_openvino_gets_no_batches_as_it_runs_images_one_by_one() -> None:
    assert _counts(Provider.OPENVINO, 2) == [(2, 1, 1), (1, 1, 1), (1, 2, 1), (4, 1, 1)]


def test_one_core_has_nothing_to_divide() -> None:
    assert _counts(Provider.CPU, 1) == [(1, 1, 1), (2, 1, 1), (8, 1, 4), (32, 1, 16)]


def test_a_gpu_is_tried_with_batches_that_are_large_and_can_fill() -> None:
    settings = candidate_settings(Provider.CUDA, cores=16)

    assert [setting.batch_size for setting in settings] == [1, 1, 1, 8, 32, 128]
    assert {setting.intra_op_threads for setting in settings} == {1}
    assert all(setting.workers >= 2 * setting.batch_size for setting in settings if setting.batch_size > 1)


@pytest.mark.parametrize("provider", [one for one in Provider if one is not Provider.AUTO])
@pytest.mark.parametrize("cores", [1, 2, 3, 64])
def test_the_usual_setting_comes_first_and_one_image_alone_is_there(provider: Provider, cores: int) -> None:
    settings = candidate_settings(provider, cores=cores)

    assert settings[0] == Setting(provider, cores, 1, 1)
    assert Setting(provider, 1, 1, 1) in settings
    assert len(set(settings)) == len(settings)
