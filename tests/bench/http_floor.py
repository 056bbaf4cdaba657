"""The least that a server can do: Starlette, a typed decode, one indexed insert a batch, an answer after the commit."""

import asyncio
import sys

import apsw
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

COLUMNS = [
    "id",
    "run",
    "parent",
    "kind",
    "name",
    "status",
    "started_ns",
    "ended_ns",
    "model",
    "tokens_in",
    "tokens_out",
]

Span = msgspec.defstruct(
    "Span",
    [(name, str | int | None, None) for name in COLUMNS] + [("attributes", msgspec.Raw, msgspec.Raw(b"{}"))],
)


def main(path: str, port: int) -> None:
    database = apsw.Connection(path)
    database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    database.execute(f"CREATE TABLE spans (key INTEGER PRIMARY KEY, {', '.join(COLUMNS)}, attributes BLOB)")
    database.execute("CREATE UNIQUE INDEX by_id ON spans (run, id)")
    insert = (
        f"INSERT INTO spans ({', '.join(COLUMNS)}, attributes) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"
    )
    decode = msgspec.json.Decoder(list[Span]).decode  # type: ignore[valid-type]

    async def take(request: Request) -> Response:
        spans = decode(await request.body())
        rows = [(*msgspec.structs.astuple(span)[:-1], bytes(span.attributes)) for span in spans]
        database.execute("BEGIN IMMEDIATE")
        database.executemany(insert, rows)
        database.execute("COMMIT")
        return Response(status_code=202)

    app = Starlette(routes=[Route("/spans", take, methods=["POST"])])
    config = uvicorn.Config(app, port=port, http="httptools", log_config=None, access_log=False, ws="none")
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
