"""What contenders race for, and in what order they are preferred."""

from edgecls.modelfile import ModelFile
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.opening import open_classifier
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Goal
from edgecls.runtime.tuning.contenders import Contender, candidate_settings
from edgecls.runtime.tuning.measure import measure, races_between
from edgecls.runtime.tuning.races import Race
from edgecls.runtime.tuning.timed_images import camera_like_jpegs


def _contenders(classifier: Classifier, *settings: Setting) -> dict[int, Contender]:
    return {number: Contender(0, setting, classifier) for number, setting in enumerate(settings)}


def test_of_equals_the_usual_setting_of_the_cpu_is_preferred_then_the_simplest(tiny_classifier: Classifier) -> None:
    cuda = candidate_settings(Provider.CUDA, cores=4)
    contenders = _contenders(tiny_classifier, *candidate_settings(Provider.CPU, cores=4), *cuda[:1])

    throughput, latency = races_between(contenders)

    def told(race: Race) -> list[tuple[str, int, int, int]]:
        settings = [contenders[number].setting for number in race.members]
        return [(one.provider.value, one.workers, one.intra_op_threads, one.batch_size) for one in settings]

    assert told(throughput) == [
        ("cpu", 4, 1, 1),
        ("cpu", 1, 1, 1),
        ("cpu", 1, 2, 1),
        ("cpu", 2, 2, 1),
        ("cpu", 1, 4, 1),
        ("cpu", 8, 1, 1),
        ("cpu", 8, 4, 4),
        ("cpu", 32, 4, 16),
        ("cuda", 4, 1, 1),
    ]
    assert told(latency) == [("cpu", 1, 1, 1), ("cpu", 1, 2, 1), ("cpu", 1, 4, 1)]


def test_each_model_has_its_own_races(tiny_classifier: Classifier) -> None:
    alone = Setting(Provider.CPU, 1, 1, 1)
    contenders = {number: Contender(number // 2, alone, tiny_classifier) for number in range(4)}

    assert races_between(contenders) == [
        Race(Goal.THROUGHPUT, (0, 1)),
        Race(Goal.LATENCY, (0, 1)),
        Race(Goal.THROUGHPUT, (2, 3)),
        Race(Goal.LATENCY, (2, 3)),
    ]


def test_a_setting_that_needs_too_many_images_for_the_time_is_not_measured(tiny_model: ModelFile) -> None:
    settings = Setting(Provider.CPU, 1, 1, 1), Setting(Provider.CPU, 200, 1, 100)
    contenders = [
        Contender(0, setting, open_classifier(tiny_model, Provider.CPU, setting=setting)) for setting in settings
    ]

    trials, _, skipped = measure(
        contenders, camera_like_jpegs(1), seconds=0.01, deadline_s=0, on_progress=lambda text: None
    )

    assert [len(each) for each in trials.values()] == [1]
    assert "batches of up to 100 not measured: 400 images take too long here" in str(skipped[0])
