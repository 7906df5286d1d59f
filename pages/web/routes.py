"""Addresses beside the pages. Each checks the session itself: nothing here trusts that a page was seen before."""

from __future__ import annotations

import json
import logging
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from pages.web import cookie, social, visitor
from pages.web.running import the_product
from tracker import access, audit, clock, downloads, health, metrics, sessions
from tracker.audit import Action, Actor
from tracker.clock import utc_now
from tracker.db import refusal_of, sentence_for
from tracker.errors import BadInput
from tracker.explore import files
from tracker.explore.files import File
from tracker.sessions import SignedIn

log = logging.getLogger(__name__)

MOST_BYTES = 1_000
OURS = "X-Requested-With"
"""A header that another site's form cannot send."""

NO_STORE = {"Cache-Control": "no-store"}
JSON = "application/json; charset=utf-8"
STRANGER = "Sign in first, then open this address again.\n"
UNTOLD = "No file was given out, for the audit trail could not tell of it. "


async def open_session(request: Request) -> Response:
    """POST /auth/session: give the cookie for a one-shot ticket."""
    ticket = await _ticket(request)
    if ticket is None:
        return _refused(request)
    product = the_product()
    token = await run_in_threadpool(sessions.redeem, product.database, ticket, now=utc_now())
    if token is None:
        return _refused(request)
    response = Response(status_code=204, headers=NO_STORE)
    cookie.give(response, token, product.settings)
    social.take_back(request, response)
    return response


async def close_session(request: Request) -> Response:
    """POST /auth/logout: end the session of this cookie and take the cookie back."""
    if not _is_ours(request):
        return _refused(request)
    product = the_product()
    if signed := await run_in_threadpool(_signed_in, request):
        await run_in_threadpool(sessions.end, product.database, signed.session_id, now=utc_now())
    response = Response(status_code=204, headers={**NO_STORE, "Clear-Site-Data": '"storage"'})
    cookie.take_back(response, product.settings)
    social.take_back(request, response)
    return response


async def forget_identity(request: Request) -> Response:
    """POST /auth/forget: take back what an OpenID provider said of somebody, once a page has looked at it."""
    if not _is_ours(request):
        return _refused(request)
    response = Response(status_code=204, headers=NO_STORE)
    social.take_back(request, response)
    return response


def download(request: Request) -> Response:
    """GET /export/FILE (`downloads.FILES`, `LAST`): `?from=DAY&to=DAY` (UTC, `to` exclusive) or `?last=COUNT`.

    Of the calls those of one connection, with `&key=NUMBER`.

    /export/view.csv, table.csv and rows.csv, or .parquet (`files.NAMES`): with the address of a view of Explore.

    HEAD tells of the file without giving it out; 503 with a sentence while the database cannot do its part.
    """
    try:
        return _answered(request)
    except Exception as error:
        if (why := sentence_for(error)) is None:
            raise
        log.warning("a file could not be given out", exc_info=error)
        sentence = f"{UNTOLD if refusal_of(error) else ''}{why}\n"
        return PlainTextResponse(sentence, 503, headers={**NO_STORE, "Retry-After": "60"})


def _answered(request: Request) -> Response:
    signed = _signed_in(request)
    if signed is None:
        log.warning("a file was asked for without a session, from %s", _address(request))
        return PlainTextResponse(STRANGER, 401, headers=NO_STORE)
    workspace_id = access.workspaces_of(the_product().database, signed.user_id)[0]
    try:
        file = _file(request, workspace_id)
    except BadInput as error:
        return PlainTextResponse(f"{error}\n", 400, headers=NO_STORE)
    is_given = request.method == "GET"
    if is_given:
        _tell(workspace_id, Actor(signed.user_id, _address(request)), file.name)
    return StreamingResponse(
        file.chunks if is_given else (),
        media_type=file.media_type,
        headers={**NO_STORE, "Content-Disposition": f'attachment; filename="{file.name}"'},
    )


def _tell(workspace_id: int, by: Actor, name: str) -> None:
    """Write to the trail, before the first byte of it, that a file goes out."""
    with the_product().database.workspace(workspace_id, write=True) as session:
        audit.record(session, workspace_id, Action.EXPORTED, by, subject=name)


def _file(request: Request, workspace_id: int) -> File:
    """What is asked for; BadInput when there is no such thing."""
    name, product = request.path_params["file"], the_product()
    if name in files.NAMES:
        told = {each: request.query_params.getlist(each) for each in request.query_params}
        return files.file_of(product, workspace_id, name, told, now=utc_now())
    period = downloads.period_of(request.query_params, today=clock.day_of(utc_now()))
    downloads.check_file(name, period)
    called = f"{name.removesuffix('.csv')}-{period.text}.csv"
    return File(called, files.CSV, downloads.chunks(product.database, workspace_id, name, period))


def healthz(_request: Request) -> Response:
    """GET /healthz: 200 while this process can serve, and how the work stands; nothing of any tenant."""
    found = health.of_web(the_product().database, now=utc_now())
    return Response(found.json, found.status, headers={**NO_STORE, "Content-Type": JSON})


def figures(_request: Request) -> Response:
    """GET /metrics, for this machine and for whoever holds the token: Prometheus' text form."""
    found = health.of_web(the_product().database, now=utc_now())
    return Response(metrics.text("web", found.figures), headers={**NO_STORE, "Content-Type": metrics.CONTENT_TYPE})


ROUTES = (
    Route("/auth/session", open_session, methods=["POST"]),
    Route("/auth/forget", forget_identity, methods=["POST"]),
    Route("/auth/logout", close_session, methods=["POST"]),
    Route("/export/{file}", download, methods=["GET"]),
    Route("/healthz", healthz, methods=["GET"]),
    Route("/metrics", figures, methods=["GET"]),
)


def _address(request: Request) -> str:
    peer = request.client.host if request.client else None
    hops = the_product().settings.proxy_hops
    return visitor.address(peer, request.headers, hops=hops)


def _signed_in(request: Request) -> SignedIn | None:
    product = the_product()
    token = request.cookies.get(cookie.name(product.settings), "")
    return sessions.recognise(product.database, token, now=utc_now()) if token else None


async def _ticket(request: Request) -> str | None:
    """The ticket in a request of our own page; None for anything else."""
    if not _is_ours(request):
        return None
    try:
        told = json.loads(await _body(request))
    except ValueError:
        return None
    ticket = told.get("ticket") if isinstance(told, dict) else None
    return ticket if isinstance(ticket, str) else None


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise ValueError("the body is too long")
    return body


def _is_ours(request: Request) -> bool:
    """Whether it was sent by a page of this very site."""
    origin = urlsplit(request.headers.get("origin", ""))
    same = bool(origin.netloc) and origin.netloc == request.headers.get("host")
    return same and request.headers.get(OURS) == "tracker"


def _refused(request: Request) -> Response:
    log.warning("a request that no page of ours made was refused, from %s", _address(request))
    return PlainTextResponse("Reload the page and try again.\n", 403, headers=NO_STORE)
