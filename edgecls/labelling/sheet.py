"""The sheet of a review: one HTML file with the doubtful images, in English or Chinese."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import edgecls
from edgecls.atomic_write import whole_files
from edgecls.evaluation.report.html import STYLE, Fragments, Html, joined, thumbnail_uri
from edgecls.image_spec import Fit, ImageSpec
from edgecls.labelling.review import Doubtful, Neighbour, Reason, Review

__all__ = ["Language", "write_sheet"]

MOST_SHOWN = 200  # images, each with its neighbours: about 15 MB
NEIGHBOUR_SIDE = 112  # pixels
SPEC = ImageSpec(224, 224, fit=Fit.STRETCH)  # of thumbnails, which keep their proportions then

HTML = Fragments(Path(__file__).with_name("sheet.html"))


class Language(StrEnum):
    """The languages of the sheet."""

    ENGLISH = "en"
    CHINESE = "zh"


@dataclass(frozen=True)
class _Words:
    """The texts of the sheet, with their placeholders."""

    lede: str
    none: str
    listed: str
    of_images: str
    expected: str
    expected_note: str
    noise: str
    noise_note: str
    intro: str
    more: str
    verdict: str
    confident: str
    reasons: Mapping[Reason, str]
    alt: str
    gone: str
    footer: str


_WORDS = {
    Language.ENGLISH: _Words(
        lede="{listed} of {images} images are worth a look; about {expected} of them are expected to be wrong.",
        none="None of {images} images looks as if it were labelled wrongly.",
        listed="Listed",
        of_images="of {images} images",
        expected="Expected to be wrong",
        expected_note="{share} % of those listed",
        noise="Wrong labels in all",
        noise_note="estimated, of all images",
        intro="The most doubtful first. Every image was judged by classifiers that have seen neither it nor its "
        "look-alikes. Below it are the images most like it, with their labels; those with the suggested label are "
        "highlighted. Write keep, relabel or remove into the column “decision” of the CSV file, and pass that to "
        "--decisions.",
        more="{more} more are in the CSV file.",
        verdict="wrong with a probability of {wrong} %; {given} {own} %, {suggested} {other} %",
        confident=", as usual for images of that label",
        reasons={
            Reason.LABEL: "another label is more probable",
            Reason.CONFLICT: "a look-alike has another label",
            Reason.OUTLIER: "unlike the other images of its label",
        },
        alt="an image labelled {label}",
        gone="cannot be read any more",
        footer="Made by edgecls {version}. This page is a single file that loads nothing and runs no script.",
    ),
    Language.CHINESE: _Words(
        lede="{images} 张图像中有 {listed} 张值得检查，预计其中约 {expected} 张标签有误。",
        none="{images} 张图像中没有发现疑似标错的图像。",
        listed="列出",
        of_images="共 {images} 张图像",
        expected="预计有误",
        expected_note="占所列图像的 {share} %",
        noise="全部图像的错误率",
        noise_note="估计值",
        intro="按可疑程度从高到低排列。判断每张图像所用的分类器都没有见过该图像及与它近似的图像。"
        "下方是与它最相似的图像及其标签，标签与建议一致的以颜色标出。"
        "请在 CSV 文件的 decision 列中填写 keep（保留）、relabel（改标签）或 remove（移除），再用 --decisions 执行。",
        more="其余 {more} 张见 CSV 文件。",
        verdict="标签有误的概率为 {wrong} %；{given} {own} %，{suggested} {other} %",
        confident="，达到该标签图像的通常水平",
        reasons={
            Reason.LABEL: "另一个标签更有可能",
            Reason.CONFLICT: "有近似图像使用了不同的标签",
            Reason.OUTLIER: "与同标签的其他图像差异很大",
        },
        alt="标签为 {label} 的图像",
        gone="已无法读取",
        footer="由 edgecls {version} 生成。本页面为单个文件，不加载任何外部内容，也不运行脚本。",
    ),
}


def write_sheet(path: Path, review: Review, *, language: Language = Language.ENGLISH) -> None:
    """Write the doubtful images of a review as one HTML file: no scripts, nothing loaded.

    Args:
        path: Where to write; an existing file is replaced once the new one is complete.
        review: The review; its images are read again.
        language: Of the texts.

    Raises:
        OutputError: The file cannot be written there.
    """
    words, listed = _WORDS[language], review.listed
    count, expected = len(listed), review.expected_wrong
    facts = {"images": review.images, "listed": count, "expected": round(expected)}
    figures = [(words.listed, str(count), words.of_images.format(**facts))]
    if count:
        share = words.expected_note.format(share=round(100 * expected / count))
        figures.append((words.expected, str(round(expected)), share))
    figures.append((words.noise, f"{100 * review.noise:.1f} %", words.noise_note))
    intro = words.intro + (" " + words.more.format(more=count - MOST_SHOWN) if count > MOST_SHOWN else "")
    page = HTML.fill(
        "page",
        language="en" if language is Language.ENGLISH else "zh-CN",
        style=STYLE,
        backbone=review.backbone,
        title=review.data.absolute().name,
        lede=(words.lede if count else words.none).format(**facts),
        figures=joined(HTML.fill("figure", name=name, value=value, note=note) for name, value, note in figures),
        intro=intro if count else "",
        items=joined(_item(number, image, words) for number, image in enumerate(listed[:MOST_SHOWN], 1)),
        footer=words.footer.format(version=edgecls.__version__),
    )
    with whole_files(path) as (temporary,):
        # File names need not be valid Unicode; a page has to be.
        temporary.write_bytes((page + "\n").encode("utf-8", "replace"))


def _item(number: int, image: Doubtful, words: _Words) -> Html:
    verdict = words.verdict.format(
        wrong=f"{100 * image.wrong:.0f}",
        given=image.given,
        own=f"{100 * image.given_probability:.0f}",
        suggested=image.suggested,
        other=f"{100 * image.suggested_probability:.0f}",
    )
    return HTML.fill(
        "doubtful",
        image=_image(image.path, image.given, words, 2 * NEIGHBOUR_SIDE),
        number=number,
        given=image.given,
        suggested=image.suggested,
        verdict=verdict + (words.confident if image.is_confident else ""),
        reasons="; ".join(words.reasons[reason] for reason in image.reasons),
        path=image.path,
        near=joined(_near(other, image, words) for other in (*image.look_alikes, *image.neighbours)),
    )


def _near(other: Neighbour, image: Doubtful, words: _Words) -> Html:
    return HTML.fill(
        "near",
        kind="agrees" if other.label == image.suggested else "other",
        path=other.path,
        image=_image(other.path, other.label, words, NEIGHBOUR_SIDE),
        label=other.label,
    )


def _image(path: Path, label: str, words: _Words, side: int) -> Html:
    uri = thumbnail_uri(path, SPEC, longer_side=side)
    alt = words.alt.format(label=label)
    return HTML.fill("image", uri=uri, alt=alt) if uri else HTML.fill("no_image", text=words.gone)
