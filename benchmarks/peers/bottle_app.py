"""Bottle, as one would write it, for any WSGI server: `granian --interface wsgi bottle_app:app`."""

import os

import bottle

import edgecls

bottle.BaseRequest.MEMFILE_MAX = 32 * 2**20  # or every image above 100 KiB would go through a temporary file
classifier = edgecls.load(os.environ["EDGECLS_BENCH_MODEL"], "cpu")
app = bottle.Bottle()


@app.post("/raw")  # type: ignore[untyped-decorator]  # published without types
def raw() -> dict[str, object]:
    """Answer for an image that is the body."""
    return classifier.predict_bytes(bottle.request.body.read()).as_dict(top=5)
