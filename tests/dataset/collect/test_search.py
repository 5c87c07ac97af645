"""Searching: icrawler's own feeders and parsers, against pages in the shape of the engines'."""

import html
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from local_web import Handler, LocalWeb, answer

from edgecls.dataset.collect import search
from edgecls.dataset.collect.guarded_session import Fetched, GuardedSession, SessionSettings
from edgecls.dataset.collect.robots import Robots
from edgecls.dataset.collect.search import ENGINES, KeywordSearch
from edgecls.dataset.collect.sources import Candidate, Reader
from edgecls.errors import DatasetError


@pytest.fixture
def here(web: LocalWeb, monkeypatch: pytest.MonkeyPatch) -> LocalWeb:
    """Send the engines' questions to the local web; all else about the engines stays."""
    for name, engine in ENGINES.items():

        class LocalFeeder(engine.feeder):  # type: ignore[misc, name-defined]
            def feed(self, **arguments: Any) -> None:
                super().feed(**arguments)
                for _ in range(self.out_queue.qsize()):
                    parts = urlsplit(self.out_queue.get())
                    self.out_queue.put(parts._replace(scheme="http", netloc=web.host).geturl())

        monkeypatch.setitem(search.ENGINES, name, replace(engine, feeder=LocalFeeder))
    return web


def _search(session: GuardedSession, **options: Any) -> tuple[list[Candidate], list[str]]:
    notes: list[str] = []
    reader = Reader(session, Robots(session), notes.append)
    return list(KeywordSearch(**options).candidates(reader)), notes


def _urls(found: list[Candidate]) -> list[str]:
    return [candidate.url for candidate in found]


def _bing_page(*urls: str) -> bytes:
    facts = [html.escape(json.dumps({"murl": url}, separators=(",", ":"))) for url in urls]
    divs = "".join(f'<div class="imgpt"><a class="iusc" m="{fact}"></a></div>' for fact in facts)
    return f"<html><body><ul>{divs}</ul><div class='imgpt'><a>an advertisement</a></div></body></html>".encode()


def test_bing_is_asked_in_any_script_page_by_page_until_it_has_no_more(here: LocalWeb, session: GuardedSession) -> None:
    pages = iter([_bing_page("http://a.test/猫.jpg", "http://a.test/2.jpg"), _bing_page("http://a.test/3.jpg")])
    here.serve("/images/async", lambda handler: answer(handler, next(pages, _bing_page("http://a.test/3.jpg"))))

    found, notes = _search(session, keywords=["小猫 & 狗#1"], filters={"license": "creativecommons"})

    assert _urls(found) == ["http://a.test/猫.jpg", "http://a.test/2.jpg", "http://a.test/3.jpg"]
    assert found[0] == Candidate("http://a.test/猫.jpg", "bing", "小猫 & 狗#1")
    questions = [parse_qs(urlsplit(path).query) for path in here.asked]
    assert [question["q"] for question in questions] == [["小猫 & 狗#1"]] * 5
    assert [question["first"] for question in questions] == [["0"], ["20"], ["40"], ["60"], ["80"]]
    assert "licenseType-Any" in here.asked[0]
    assert here.headers[0]["Referer"] == here.url
    assert notes == ["bing: nothing new for '小猫 & 狗#1' on 3 pages in a row, stopped"]


def test_baidu_is_asked_and_read(here: LocalWeb, session: GuardedSession) -> None:
    data = [{"objURL": "ippr_z2C$qAzdH3FAzdH3Fw_z&e3Bpjfp_z&e3Bowu"}, {"hoverURL": "http://b.test/猫.png"}, {}]
    here.give("/search/acjson", json.dumps({"data": data}).encode())

    found, _ = _search(session, keywords=["猫&狗"], engines=["baidu"])

    assert _urls(found) == [
        ENGINES["baidu"].parser(1, None, None)._decode_url(data[0]["objURL"]),
        "http://b.test/猫.png",
    ]
    assert parse_qs(urlsplit(here.asked[0]).query)["word"] == ["猫&狗"]


def test_google_is_asked_and_read(here: LocalWeb, session: GuardedSession) -> None:
    script = '<script>AF_initDataCallback({data:["http://g.test/a.jpg",1],["https://g.test/b.png",2]});</script>'
    here.give("/search", f"<html><script>var x</script>{script}</html>".encode())

    found, _ = _search(session, keywords=["кошка"], engines=["google"])

    assert _urls(found)[0] == "http://g.test/a.jpg"
    assert parse_qs(urlsplit(here.asked[0]).query)["q"] == ["кошка"]


class _FlickrIsHere(GuardedSession):
    """Sends what the parser asks Flickr to the local web."""

    def __init__(self, settings: SessionSettings, host: str) -> None:
        super().__init__(settings)
        self._host = host

    def fetch(self, url: str, **options: Any) -> Fetched:
        return super().fetch(url.replace("https://api.flickr.com", f"http://{self._host}"), **options)


def _flickr(handler: Handler) -> None:
    query = parse_qs(urlsplit(handler.path).query)
    if "photo_id" in query:
        sizes = [{"label": name, "source": f"http://f.test/{name}.jpg"} for name in ("Small", "Large")]
        answer(handler, json.dumps({"stat": "ok", "sizes": {"size": sizes}}).encode())
    elif query["page"] == ["1"]:
        answer(handler, json.dumps({"stat": "ok", "photos": {"photo": [{"id": "7"}, {"id": "8"}]}}).encode())
    else:
        answer(handler, status=404)


def test_flickr_is_asked_about_each_image_and_its_key_stays_secret(
    here: LocalWeb, make_settings: Callable[..., SessionSettings]
) -> None:
    here.serve("/services/rest/", _flickr)
    session = _FlickrIsHere(make_settings(), here.host)

    found, notes = _search(session, keywords=["猫"], engines=["flickr"], api_key="SECRET")

    assert _urls(found) == ["http://f.test/Large.jpg"]
    assert [path for path in here.asked if "photo_id=8" in path]
    assert notes
    assert not any("SECRET" in note for note in notes)


def test_ctrl_c_is_not_lost_in_a_parser_that_catches_everything(
    here: LocalWeb, make_settings: Callable[..., SessionSettings]
) -> None:
    class Interrupted(_FlickrIsHere):
        def fetch(self, url: str, **options: Any) -> Fetched:
            if "photo_id=7" in url:
                raise KeyboardInterrupt
            return super().fetch(url, **options)

    here.serve("/services/rest/", _flickr)

    with pytest.raises(KeyboardInterrupt):
        _search(Interrupted(make_settings(), here.host), keywords=["a"], engines=["flickr"], api_key="k")
    assert not [path for path in here.asked if "photo_id" in path]


def test_keywords_take_turns_and_engines_follow_one_another(here: LocalWeb, session: GuardedSession) -> None:
    def page(handler: Handler) -> None:
        word = parse_qs(urlsplit(handler.path).query)["q"][0]
        answer(handler, _bing_page(f"http://a.test/{word}1.jpg", f"http://a.test/{word}2.jpg"))

    here.serve("/images/async", page)
    here.give("/search/acjson", json.dumps({"data": [{"hoverURL": "http://b.test/1.png"}]}).encode())

    found, _ = _search(session, keywords=["a", "b"], engines=["bing", "baidu"])

    assert [url.removeprefix("http://") for url in _urls(found)] == [
        "a.test/a1.jpg",
        "a.test/b1.jpg",
        "a.test/a2.jpg",
        "a.test/b2.jpg",
        "b.test/1.png",
        "b.test/1.png",
    ]


@pytest.mark.parametrize(
    ("engine", "path", "body"),
    [
        ("baidu", "/search/acjson", b'{"antiFlag": 1, "message": "Forbid spider access"}'),
        ("baidu", "/search/acjson", b"<html>a captcha</html>"),
        ("bing", "/images/async", b"\xff\xfe\0"),
        ("google", "/search", b"<html>consent</html>"),
    ],
)
def test_an_engine_that_answers_otherwise_is_a_note(
    here: LocalWeb, session: GuardedSession, capfd: pytest.CaptureFixture[str], engine: str, path: str, body: bytes
) -> None:
    here.give(path, body)

    found, notes = _search(session, keywords=["cat"], engines=[engine])

    assert found == []
    assert notes[-1] == f"{engine}: nothing new for 'cat' on 3 pages in a row, stopped"
    assert capfd.readouterr() == ("", "")


def test_an_engine_that_is_down_is_a_note(here: LocalWeb, session: GuardedSession) -> None:
    here.give("/images/async", status=403)

    found, notes = _search(session, keywords=["cat"])

    assert found == []
    assert notes[0] == "cannot read bing, 'cat', page 1: the server answered 403 (http_403)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keywords": []}, "keyword is empty"),
        ({"keywords": ["a", " "]}, "keyword is empty"),
        ({"keywords": ["a"], "engines": ["altavista"]}, "baidu, bing, flickr, google"),
        ({"keywords": ["a"], "engines": ["flickr"]}, "FLICKR_APIKEY"),
        ({"keywords": ["a"], "filters": {"smell": "sweet"}}, "cannot search with the filters"),
        ({"keywords": ["a"], "filters": {"size": ">3"}}, "cannot search with the filters"),
        ({"keywords": ["a"], "engines": ["flickr"], "api_key": "k", "filters": {"smell": "sweet"}}, "does not know"),
    ],
)
def test_searches_that_cannot_be_made_are_refused_before_anything_is_asked(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        KeywordSearch(**options)
