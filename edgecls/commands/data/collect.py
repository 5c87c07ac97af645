"""edgecls data collect: images from the web into class folders."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecls.commands.options import limits_option
from edgecls.commands.terminal import StatusLine, counted

if TYPE_CHECKING:
    from edgecls.dataset.collect.job import ClassRequest, Summary

__all__ = ["collect"]

DEFAULT_COUNT = 100


class _Sides(click.ParamType[tuple[int, int]]):
    """One number for both sides, or WxH, in pixels."""

    name = "SIDE|WxH"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        width, by, height = value.lower().partition("x")
        sides = (width, height) if by else (width,)
        if not all(re.fullmatch("[0-9]{1,9}", side) and int(side) for side in sides):
            self.fail(f"{value!r} is not a size; give one side, as 200, or two, as 320x240", param, ctx)
        return int(width), int(height or width)


def _filter(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if faulty := [name for name, sign, value in pairs if not (name and sign and value)]:
        raise click.BadParameter(f"{faulty[0]!r} is not NAME=VALUE")
    return {name: value for name, _, value in pairs}


@click.command(short_help="Download images by search or from URLs.")
@click.argument("output", metavar="OUT", type=click.Path(file_okay=False, path_type=Path))
@click.option("--class", "label", metavar="LABEL", help="Class folder to fill. Without it, each keyword is a class.")
@click.option("--keyword", "-k", "keywords", multiple=True, help="What to search for, in any script. May be repeated.")
@click.option(
    "--engine",
    "engines",
    type=click.Choice(["baidu", "bing", "flickr", "google"]),
    multiple=True,
    default=["bing"],
    show_default=True,
    help="Where to search; several are searched in turn. flickr needs FLICKR_APIKEY in the environment.",
)
@click.option(
    "--filter",
    "filters",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_filter,
    help="A filter of the engine as icrawler names it, such as license=creativecommons or size=large.",
)
@click.option(
    "--urls",
    "url_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take addresses from a file: one a line, or LABEL<tab>ADDRESS.",
)
@click.option("--page", "pages", metavar="URL", multiple=True, help="Take the images of a gallery page.")
@click.option("--site", metavar="URL", help="Take the images of all pages of a site.")
@click.option(
    "--max-pages",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Pages of --site to read, at most.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    show_default=f"{DEFAULT_COUNT} for keywords and --site, all for --urls and --page",
    help="Images that each class folder should have in the end.",
)
@click.option(
    "--min-size",
    type=_Sides(),
    default="64",
    show_default=True,
    help="Smallest size of an image in pixels, in either orientation.",
)
@click.option(
    "--max-mb",
    type=click.FloatRange(min=0, max=4096, min_open=True),
    default=20,
    show_default=True,
    help="Largest size of an image file in MiB.",
)
@limits_option
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=2,
    show_default=True,
    help="Largest number of requests per second to one host.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=8, show_default=True, help="Addresses to fetch at once.")
@click.option("--retries", type=click.IntRange(min=0), default=3, show_default=True)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    help="Seconds for one attempt, redirects included.",
)
@click.option("--contact", help="How to reach you, for the User-Agent: an email address or a page.")
@click.option(
    "--allow-private", is_flag=True, help="Also connect to private addresses (this machine, your own network)."
)
@click.option("--proxy", metavar="URL", envvar="EDGECLS_PROXY", help="HTTP proxy; needs --allow-private.")
def collect(output: Path, **options: Any) -> None:
    """Collect images from the web into class folders below OUT.

    Searches for keywords, or takes addresses from --urls, --page or --site. The outcome of each address is
    written to OUT/collected.jsonl; the same command continues an interrupted run. The images belong to
    somebody: respect their licences and the terms of the sites. Exit code 1 if a class did not get enough.
    """
    from edgecls.dataset.collect.connections import EVERYWHERE, PUBLIC_ONLY
    from edgecls.dataset.collect.guarded_session import SessionSettings
    from edgecls.dataset.collect.job import CollectSettings, Listener
    from edgecls.dataset.collect.job import collect as run
    from edgecls.image_limits import ImageLimits

    if options["proxy"] and not options["allow_private"]:
        raise click.UsageError(
            "with --proxy the proxy makes the connections, so addresses cannot be checked here: add --allow-private"
        )
    settings = CollectSettings(
        session=SessionSettings(
            addresses=EVERYWHERE if options["allow_private"] else PUBLIC_ONLY,
            requests_per_s=options["rate"],
            deadline_s=options["timeout"],
            silence_s=min(15, options["timeout"]),
            retries=options["retries"],
            proxy=options["proxy"],
            contact=options["contact"],
        ),
        limits=ImageLimits(max(1, int(options["max_mb"] * 2**20)), int(options["max_megapixels"] * 1e6)),
        min_sides=options["min_size"],
        workers=options["workers"],
    )
    line = StatusLine()
    listener = Listener(
        on_read=lambda done, total: line.show(f"reading existing images {done}/{total}"),
        on_record=lambda record, images: line.show(f"{record.label}: {counted(images, 'image')}  ({record.outcome})"),
        on_note=lambda text: _note(line, text),
    )
    summary = run(output, _requests(options), settings, listener=listener)
    line.show("")
    _print_summary(summary)
    if not all(result.is_enough for result in summary.classes):
        sys.exit(1)


def _requests(options: dict[str, Any]) -> "list[ClassRequest]":
    """Return the requests that the options describe."""
    import os

    from edgecls.dataset.collect.gallery import GalleryPages, Site
    from edgecls.dataset.collect.job import ClassRequest
    from edgecls.dataset.collect.search import KeywordSearch
    from edgecls.dataset.collect.sources import UrlList, read_url_list

    label, keywords, count = options["label"], options["keywords"], options["count"]
    url_file, pages, site = options["url_file"], options["pages"], options["site"]
    given = [name for name, value in (("--urls", url_file), ("--page", pages), ("--site", site)) if value]
    if len(given) > 1 or (given and keywords):
        raise click.UsageError("give one of --keyword, --urls, --page and --site")
    if url_file:
        listed = read_url_list(url_file, default_label=label)
        return [ClassRequest(name, UrlList(urls, url_file.name), count) for name, urls in listed.items()]
    if given and not label:
        raise click.UsageError(f"{given[0]} needs --class, the label of its images")
    if pages:
        return [ClassRequest(str(label), GalleryPages(pages), count)]
    if site:
        return [ClassRequest(str(label), Site(site, options["max_pages"]), count or DEFAULT_COUNT)]
    if not keywords and not label:
        raise click.UsageError("say what to collect: --keyword, --class, --urls, --page or --site")
    groups = [(label, keywords or (label,))] if label else [(keyword, (keyword,)) for keyword in keywords]
    key = os.environ.get("FLICKR_APIKEY")
    return [
        ClassRequest(name, KeywordSearch(words, options["engines"], options["filters"], key), count or DEFAULT_COUNT)
        for name, words in groups
    ]


def _note(line: StatusLine, text: str) -> None:
    line.show("")
    click.echo(text, err=True)


def _print_summary(summary: "Summary") -> None:
    for result in summary.classes:
        there = result.had + result.saved
        images = counted(result.wanted or there, "image")  # "3 of 20 images", or "1 image"
        share = f"{there:7d} of {images}" if result.wanted else f"{there:7d}{images.removeprefix(str(there))}"
        click.echo(f"{share} of {result.label}, {result.saved} of them new")
    for outcome, number in summary.outcomes.most_common():
        click.echo(f"{number:7d}  {outcome}")
    if summary.settled:
        click.echo(f"{summary.settled:7d}  addresses skipped: settled by an earlier run")
