"""A collector that notes what it is sent, and answers as it is told."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

from trodo_cli.wire.otlp.export import Export
from trodo_cli.wire.otlp.protobuf import read_protobuf


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def export(self) -> Export:
        """The spans that it holds."""
        return read_protobuf(gzip.decompress(self.body))


@dataclass
class Recorder:
    """`status`, `said` and `answer` are what it answers each request."""

    url: str = ""
    status: int = 200
    said: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    most_bytes: int = 2**40
    """Of a body; a larger one is refused with 413."""
    requests: list[Request] = field(default_factory=list)


@contextmanager
def recording() -> Iterator[Recorder]:
    """One on a free port, until the block ends."""
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            is_large = len(gzip.decompress(body)) > recorder.most_bytes
            headers = {name.lower(): value for name, value in self.headers.items()}
            if not is_large:
                recorder.requests.append(Request(self.path, headers, body))
            self.send_response(413 if is_large else recorder.status)
            for name, value in recorder.said.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(recorder.answer)))
            self.end_headers()
            self.wfile.write(recorder.answer)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    recorder.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield recorder
    server.shutdown()
    thread.join()
    server.server_close()
