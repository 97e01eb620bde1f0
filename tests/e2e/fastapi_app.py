"""A FastAPI app with everything a proxy can break: streams both ways, sockets, large heads, slow answers.

    fastapi_app.py PORT

Nothing here goes by the clock. What is slow waits until a test lets it go on through `/gates/...`, called at the
app's own port.
"""

import asyncio
import collections
import hashlib
import sys
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.requests import ClientDisconnect

from snippets.fastapi_user import current_user

PATIENCE = 60  # seconds something waits for its gate before it gives up

app = FastAPI()
gates: dict[str, asyncio.Event] = collections.defaultdict(asyncio.Event)
counters: collections.Counter[str] = collections.Counter()
close_codes: dict[str, int] = {}


async def passed(gate: str) -> None:
    await asyncio.wait_for(gates[gate].wait(), PATIENCE)


@app.post("/gates/{gate}")
async def open_gate(gate: str) -> str:
    gates[gate].set()
    return "open"


@app.get("/counters/{name}")
async def counter(name: str) -> int:
    return counters[name]


@app.get("/close-codes/{name}")
async def close_code(name: str) -> int | None:
    return close_codes.get(name)


@app.get("/whoami")
def whoami(user: Annotated[dict, Depends(current_user)]) -> dict:
    return user


@app.api_route("/headers", methods=["GET", "POST", "OPTIONS"])
@app.api_route("/public/headers", methods=["GET", "POST", "OPTIONS"])
async def headers(request: Request) -> dict:
    fields = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers.raw]
    return {"method": request.method, "path": request.scope["raw_path"].decode(), "headers": fields}


@app.api_route("/resource", methods=["GET", "HEAD"])
async def resource() -> Response:
    return PlainTextResponse("twelve bytes", headers={"x-kind": "resource"})


@app.options("/resource")
async def resource_options() -> Response:
    return Response(status_code=204, headers={"allow": "GET, HEAD, OPTIONS"})


@app.post("/upload")
async def upload(request: Request, gate: str | None = None, name: str = "") -> dict:
    """Counts and hashes the body as it comes; with a gate, takes nothing before the gate is open."""
    if gate:
        await passed(gate)
    count, digest = 0, hashlib.sha256()
    counters[f"{name}-begun"] += 1
    try:
        async for chunk in request.stream():
            count += len(chunk)
            digest.update(chunk)
    except ClientDisconnect:
        counters[f"{name}-broken-off"] += 1
        raise
    counters[f"{name}-complete"] += 1
    framing = request.headers.get("transfer-encoding", "content-length")
    return {"bytes": count, "sha256": digest.hexdigest(), "framing": framing}


@app.get("/download")
async def download(name: str, chunks: int) -> StreamingResponse:
    """`chunks` of 64 KiB, counted as the server takes them."""

    async def body():
        for _ in range(chunks):
            yield bytes(65536)
            counters[name] += 1

    return StreamingResponse(body(), media_type="application/octet-stream")


@app.get("/events")
async def events(channel: str, count: int) -> StreamingResponse:
    """Server-sent events; each waits until the one before it has been acknowledged."""

    async def body():
        for number in range(count):
            yield f"id: {number}\ndata: event {number}\n\n"
            await passed(f"{channel}-{number}")

    return StreamingResponse(body(), media_type="text/event-stream")


@app.get("/slow")
async def slow(gate: str) -> StreamingResponse:
    """Sends its head at once and its body when the gate opens; `counters` show how many wait."""

    async def body():
        counters[gate] += 1
        try:
            yield b"begun "
            await passed(gate)
            yield b"ended"
        finally:
            counters[gate] -= 1

    return StreamingResponse(body(), media_type="text/plain")


@app.get("/held")
async def held(request: Request, name: str) -> Response:
    """Answers nothing until the client has gone; `counters` show how many wait."""
    counters[name] += 1
    while (await request.receive())["type"] != "http.disconnect":
        pass
    counters[name] -= 1
    return Response()


@app.get("/broken")
async def broken(framing: str) -> StreamingResponse:
    """Promises more than it sends."""

    async def body():
        yield b"the beginning"
        await asyncio.sleep(0)
        raise RuntimeError("on purpose")

    return StreamingResponse(body(), headers={"content-length": "1000"} if framing == "length" else None)


@app.websocket("/ws/echo")
async def echo(socket: WebSocket, name: str = "") -> None:
    """Sends everything back; the text `close:<code>:<reason>` closes from this side."""
    await socket.accept(subprotocol=(socket.scope["subprotocols"] or [None])[0])
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            text = message.get("text")
            if text is None:
                await socket.send_bytes(message["bytes"])
            elif text.startswith("close:"):
                _, code, reason = text.split(":", 2)
                await socket.close(int(code), reason)
                return
            else:
                await socket.send_text(text)
    except WebSocketDisconnect as end:
        close_codes[name] = end.code


@app.websocket("/ws/headers")
async def socket_headers(socket: WebSocket) -> None:
    """The fields of the handshake."""
    await socket.accept()
    await socket.send_json([[name.decode("latin-1"), value.decode("latin-1")] for name, value in socket.headers.raw])
    await socket.close()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
