"""Calls a server through the published Python client of the hosted API, and prints what came back as one JSON object.

Usage: calls.py NAME BASE_URL, with the key in SEGMIND_API_KEY and further parameters as JSON on standard input.
"""

import json
import sys
import time
import urllib.request

from segmind import SegmindClient
from segmind.exceptions import SegmindError
from segmind.v2 import InferenceFailed, InferenceTimeout

SLUG = "chatterbox-turbo-tts"


def download(url):
    """As anybody would: without a key."""
    with urllib.request.urlopen(url, timeout=30) as response:
        return {"status": response.status, "type": response.headers["content-type"], "bytes": len(response.read())}


def run_sync(client, params):
    response = client.run_sync(SLUG, **params)
    return {"status": response.status_code, "headers": dict(response.headers), "bytes": len(response.content)}


def run(client, params):
    result = client.run(SLUG, **params)
    return {"result": result, "download": download(result["output"])}


def submit_and_wait(client, params):
    job = client.submit_async(SLUG, **params)
    seen = []
    while not seen or seen[-1] in ("QUEUED", "PROCESSING"):
        status = job.status()
        if status["status"] not in seen:
            seen.append(status["status"])
        time.sleep(0.05)
    return {"submitted": job.submit_response, "seen": seen, "result": job.wait(timeout=5), "again": job.result()}


def fail(client, params):
    job = client.submit_async(SLUG, **params)
    try:
        job.wait(timeout=30, interval=0.1)
    except InferenceFailed as error:
        return {"detail": error.detail, "status_body": error.status_body, "result": job.result()}
    return {}


def time_out(client, params):
    job = client.submit_async(SLUG, **params)
    try:
        job.wait(timeout=0.3, interval=0.1)
    except InferenceTimeout as error:
        return {"request_id": error.request_id, "submitted": job.request_id, "status": job.status()}
    return {}


def refused(client, params):
    """What the client raises for each of its ways to call."""
    raised = {}
    for name in ("run_sync", "submit_async"):
        try:
            getattr(client, name)(params.get("slug", SLUG), **params["body"])
        except SegmindError as error:
            raised[name] = {"status": error.status, "detail": error.detail}
    return raised


def unknown_request(client, params):
    job = client.submit_async(SLUG, **params["body"])
    job.status_url = job.status_url.replace(job.request_id, params["id"])
    try:
        job.status()
    except SegmindError as error:
        return {"status": error.status, "detail": error.detail}
    return {}


def poll_often(client, params):
    job = client.submit_async(SLUG, **params)
    return {"polls": len([job.status() for _ in range(70)])}


CALLS = (run_sync, run, submit_and_wait, fail, time_out, refused, unknown_request, poll_often)

if __name__ == "__main__":
    name, base_url = sys.argv[1:]
    call = {call.__name__: call for call in CALLS}[name]
    print(json.dumps(call(SegmindClient(base_url=base_url), json.load(sys.stdin))))
