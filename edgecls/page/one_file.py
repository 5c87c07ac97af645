"""Putting the page, the model and the runtime into one HTML file."""

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from edgecls import __version__, onnx_container
from edgecls.modelfile import ModelFile, card_to_dict
from edgecls.page.browser_runtime import BrowserRuntime
from edgecls.runtime.receptive_field import cell_axes

__all__ = ["one_file_page"]

WEB_FOLDER = Path(__file__).parents[1] / "web"
OFFLINE = "offline"
REPLACED = ("server", "text_en", "text_zh")
"""Modules of the server's page in whose place one of the same name in the folder OFFLINE stands."""

_IMPORT = re.compile(r'(\bfrom |\bimport )"\./(\w+)\.js"')
_STYLE = re.compile(r'<link rel="stylesheet" href="web/([\w.]+)">')


def one_file_page(model: ModelFile, runtime: BrowserRuntime) -> bytes:
    """Return an HTML file that classifies images with a model, in any browser and without a network.

    It holds the model, the server's page with another module in place of the one that asks the server, and the runtime.
    Its content security policy forbids every connection.

    Args:
        model: What answers.
        runtime: What runs it.
    """
    imports = json.dumps({"imports": dict(_modules(runtime))})
    entry = 'import "edgecls/page.js";'
    hashes = " ".join(f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'" for text in (imports, entry))
    policy = (
        f"default-src 'none'; script-src {hashes} data: 'wasm-unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; media-src blob:; connect-src 'none'; form-action 'none'; base-uri 'none'"
    )
    parts = {
        "edgecls-facts": ("application/json", _facts(model)),
        "edgecls-model": ("application/gzip", _packed(model.onnx)),
        "edgecls-wasm": ("application/gzip", _packed(runtime.wasm)),
        "edgecls-licence": ("text/plain", (WEB_FOLDER / OFFLINE / "onnxruntime-LICENSE.txt").read_text("utf-8")),
    }
    blocks = [f'<script id="{name}" type="{kind}">{content}</script>' for name, (kind, content) in parts.items()]
    scripts = f'<script type="importmap">{imports}</script>\n    <script type="module">{entry}</script>'

    page = (WEB_FOLDER / "index.html").read_text("utf-8")
    page = page.replace("<title>edgecls</title>", f"<title>{html.escape(model.card.name)} · edgecls</title>")
    page = page.replace('<script src="web/page.js" type="module"></script>', "\n    ".join([*blocks, scripts]))
    page = _STYLE.sub(lambda found: f"<style>\n{(WEB_FOLDER / found[1]).read_text('utf-8')}</style>", page)
    page = page.replace('"web/icon.svg"', f'"{_data_url("image/svg+xml", (WEB_FOLDER / "icon.svg").read_bytes())}"')
    charset = '<meta charset="utf-8">'
    page = page.replace(charset, f'{charset}\n    <meta http-equiv="Content-Security-Policy" content="{policy}">')
    return page.encode("utf-8")


def _modules(runtime: BrowserRuntime) -> Iterator[tuple[str, str]]:
    """Yield each module's name, by which the others import it, and its address."""
    yield "onnxruntime-web", _module_url(runtime.module)
    for file in sorted(WEB_FOLDER.glob("*.js")):
        folder = "base/" if file.stem in REPLACED else ""
        text = _IMPORT.sub(r'\1"edgecls/\2.js"', file.read_text("utf-8"))
        yield f"edgecls/{folder}{file.name}", _module_url(text.encode("utf-8"))
    for file in sorted((WEB_FOLDER / OFFLINE).glob("*.js")):
        folder = "" if file.stem in REPLACED else f"{OFFLINE}/"
        yield f"edgecls/{folder}{file.name}", _module_url(file.read_bytes())


def _facts(model: ModelFile) -> str:
    """Return what the page has to know of the model, as JSON that can stand in a script element."""
    axes = cell_axes(model.onnx, height=model.card.image.height, width=model.card.image.width)
    facts: Mapping[str, object] = {
        "version": __version__,
        "sha256": onnx_container.network_sha256(model.onnx),
        "axes": None if axes is None else [asdict(axis) for axis in axes],
        "document": card_to_dict(model.card),
    }
    return json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")


def _packed(content: bytes) -> str:
    return _base64(gzip.compress(content, 9, mtime=0))


def _module_url(content: bytes) -> str:
    return _data_url("text/javascript", content)


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{_base64(content)}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
