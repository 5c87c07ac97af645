"""What people call the splits of a dataset: train, Training, TRAIN_SET, seg_test, dev, validation, 测试集."""

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["USUAL_NAMES", "split_named", "split_names", "splits_of"]

USUAL_NAMES = "train, val or test"

_EVAL = "eval"  # val where there is none, else test

_SPLIT_OF_WORD = {
    **dict.fromkeys(("train", "training", "trn", "训练", "訓練"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "validating", "dev", "development", "验证"), "val"),
    **dict.fromkeys(("eval", "evaluation", "evaluate"), _EVAL),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "测试", "測試"), "test"),
}
_FILLERS = frozenset(
    [
        *("set", "sets", "data", "dataset", "split", "subset", "part", "partition", "list", "folder", "dir"),
        *("file", "files", "image", "images", "img", "imgs", "photo", "photos", "pics"),
        *("picture", "pictures"),  # folder names that people use, as train_pictures
        *("sample", "samples", "example", "examples", "集", "数据", "数据集", "图片", "图像"),
    ]
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


def split_named(name: str) -> tuple[str, tuple[str, ...]] | None:
    """Return which split a name means, and what else the name holds; None if it means no split.

    "Testing", "test_set" and "TestImages" are the split "test" with nothing else, "seg_test" is "test" with "seg".
    The split is "train", "val", "test", or "eval", which `splits_of` resolves.
    """
    words = [word.casefold() for word in _WORD.findall(unicodedata.normalize("NFKC", name))]
    if (whole := "".join(words)) in _SPLIT_OF_WORD:
        return _SPLIT_OF_WORD[whole], ()
    splits = [split for word in words if (split := _split_of_word(word)) is not None]
    if len(splits) != 1:
        return None
    return splits[0], tuple(word for word in words if word not in _FILLERS and _split_of_word(word) is None)


def split_names(names: Iterable[str]) -> dict[str, str]:
    """Return for each name that means a split, and holds nothing else, the split: "train", "val" or "test"."""
    named = {name: found[0] for name in names if (found := split_named(name)) is not None and not found[1]}
    return splits_of(named)


def splits_of(named: dict[str, str]) -> dict[str, str]:
    """Resolve "eval" among the splits of `split_named`: val if there is no other val, else test."""
    evaluating = "test" if "val" in named.values() and "test" not in named.values() else "val"
    return {name: evaluating if split == _EVAL else split for name, split in named.items()}


def _split_of_word(word: str) -> str | None:
    if word in _SPLIT_OF_WORD:
        return _SPLIT_OF_WORD[word]
    for length in range(len(word) - 1, 1, -1):
        if word[:length] in _SPLIT_OF_WORD and word[length:] in _FILLERS:
            return _SPLIT_OF_WORD[word[:length]]
    return None
