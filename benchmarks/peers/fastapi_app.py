"""FastAPI on uvicorn: `uvicorn fastapi_app:app --workers 2`."""

import os

from fastapi import FastAPI, Request, UploadFile
from starlette.concurrency import run_in_threadpool

import edgecls

classifier = edgecls.load(os.environ["EDGECLS_BENCH_MODEL"], "cpu")
app = FastAPI()


@app.post("/raw")
async def raw(request: Request) -> dict[str, object]:
    """Answer for an image that is the body."""
    data = await request.body()
    prediction = await run_in_threadpool(classifier.predict_bytes, data)
    return prediction.as_dict(top=5)


@app.post("/multipart")
async def multipart(file: UploadFile) -> dict[str, object]:
    """Answer for an image in a form."""
    data = await file.read()
    prediction = await run_in_threadpool(classifier.predict_bytes, data)
    return prediction.as_dict(top=5)
