"""Statistics in the form that the protocol's statistics extension gives them."""

from typing import Any

from edgecls.serving.repository.served_model import VERSION
from edgecls.serving.statistics import ModelStatistics, StageTallies, Tally

__all__ = ["statistics_document"]


def statistics_document(models: dict[str, ModelStatistics]) -> dict[str, Any]:
    """Return the statistics of models, by name."""
    return {"model_stats": [_model(name, statistics) for name, statistics in models.items()]}


def _model(name: str, statistics: ModelStatistics) -> dict[str, Any]:
    return {
        "name": name,
        "version": VERSION,
        "last_inference": statistics.last_inference_ms,
        "inference_count": statistics.pictures,
        "execution_count": statistics.success.count,
        "inference_stats": {
            "success": _duration(statistics.success),
            "fail": _duration(statistics.fail),
            "queue": _duration(statistics.queue),
            **_stages(statistics.stages),
            "cache_hit": _duration(Tally()),
            "cache_miss": _duration(Tally()),
        },
        "batch_stats": [
            {"batch_size": size, **_stages(stages)} for size, stages in sorted(statistics.by_batch_size.items())
        ],
    }


def _stages(stages: StageTallies) -> dict[str, dict[str, int]]:
    return {
        "compute_input": _duration(stages.input),
        "compute_infer": _duration(stages.infer),
        "compute_output": _duration(stages.output),
    }


def _duration(tally: Tally) -> dict[str, int]:
    return {"count": tally.count, "ns": tally.ns}
