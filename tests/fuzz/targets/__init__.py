"""All targets of fuzzing: one for each part of edgecls that reads what somebody else wrote."""

import importlib.util

from fuzz.target import Target
from fuzz.targets.collecting import TARGETS as COLLECTING
from fuzz.targets.http import TARGETS as HTTP
from fuzz.targets.images import TARGETS as IMAGES
from fuzz.targets.lists import TARGETS as LISTS
from fuzz.targets.models import TARGETS as MODELS
from fuzz.targets.records import TARGETS as RECORDS
from fuzz.targets.texts import TARGETS as TEXTS

__all__ = ["TARGETS", "is_installed"]

TARGETS: dict[str, Target] = {
    target.name: target for target in (*IMAGES, *MODELS, *LISTS, *RECORDS, *HTTP, *COLLECTING, *TEXTS)
}


def is_installed(target: Target) -> bool:
    """Return whether all that a target needs is there."""
    return all(importlib.util.find_spec(module) is not None for module in target.needs)
