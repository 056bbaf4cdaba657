"""`trodo trace export --to`: spans to a collector, and what it says of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from tests.cli.collector import Recorder, recording
from tests.cli.made import run, run_id, span
from tests.cli.program import Cli, refused
from tests.server.served import program

PROTOBUF = {"content-type": "application/x-protobuf"}


@pytest.fixture
def worked(cli: Cli) -> Cli:
    cli.publish(run(1, "worker", span("plan"), span("ask", kind="model", model="m", parent="plan")))
    return cli


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


def push(cli: Cli, url: str, *arguments: str, **environment: str) -> tuple[int, str]:
    done = cli.run("trace", "export", "latest", "--to", url, *arguments, **environment)
    assert done.out == ""
    return done.code, done.err


@pytest.mark.parametrize("path", ["", "/", "/v1/traces", "/otlp", "/otlp/v1/traces/"])
def test_spans_go_to_the_place_for_traces_compressed(worked: Cli, recorder: Recorder, path: str) -> None:
    code, err = push(worked, recorder.url + path)
    (request,) = recorder.requests
    assert (code, request.path) == (0, "/otlp/v1/traces" if "otlp" in path else "/v1/traces")
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["content-encoding"] == "gzip"
    assert {one.name for one in request.export.spans} == {"worker", "plan", "ask"}
    assert {one.trace_id for one in request.export.spans} == {run_id(1)}
    assert err == f"3 spans taken by {recorder.url}{request.path}\n"


def test_headers_are_sent_from_the_line_and_from_files(worked: Cli, recorder: Recorder) -> None:
    (worked.folder / "key").write_text("s3cret\n")
    (worked.folder / "whole").write_text("Basic abc=\n")
    push(worked, recorder.url, "--header", "X-Team=a = b", "--header", "authorization=Bearer @key",
         "--header", "x-whole=@whole")  # fmt: skip
    (request,) = recorder.requests
    assert [request.headers[name] for name in ("x-team", "authorization", "x-whole")] == [
        "a = b", "Bearer s3cret", "Basic abc=",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "header",
    ["nothing", "=x", "a b=x", "x=", "x=s3cret\nhost: y", "x=s3crét", "content-type=x", "x=@missing"],
)
def test_a_header_that_cannot_be_sent_is_refused_and_its_value_not_told(
    worked: Cli, recorder: Recorder, header: str
) -> None:
    done = worked.run("trace", "export", "latest", "--to", recorder.url, "--header", header)
    refused(done, 2, "--header")
    assert "s3cr" not in done.err
    assert recorder.requests == []


def test_no_key_of_trodos_goes_to_a_collector(worked: Cli, recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with program(tmp_path / "server") as serving:
        worked.ok(
            "trace",
            "export",
            "latest",
            "--to",
            serving.url,
            "--header",
            f"authorization=Bearer {serving.key}",
        )
        where = ("--target", serving.url, "--api-key", serving.key)
        done = worked.ok("trace", "export", "latest", "--to", recorder.url, *where, TRODO_API_KEY=serving.key)
    assert "3 spans taken" in done.err
    (request,) = recorder.requests
    told = " ".join([*request.headers.values(), *request.headers])
    assert serving.key not in told
    assert not {"authorization", "x-trodo-site-id", "cookie"} & set(request.headers)


def test_a_server_of_ours_takes_what_is_pushed_and_refuses_without_its_key(
    worked: Cli, tmp_path: Path
) -> None:
    (tmp_path / "server").mkdir()
    with program(tmp_path / "server") as serving:
        code, err = push(worked, serving.url)
        assert (code, "--header" in err) == (4, True)
        (worked.folder / "key").write_text(serving.key)
        code, err = push(worked, serving.url, "--header", "authorization=Bearer @key")
        assert (code, err) == (0, f"3 spans taken by {serving.url}/v1/traces\n")
        rows = serving.ask("GET", "/runs").json["rows"]
    assert [row["id"].replace("-", "") for row in rows] == [run_id(1)]


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_what_a_collector_refused_is_named_and_the_rest_counted(
    worked: Cli, recorder: Recorder, encoding: str
) -> None:
    partial = ExportTracePartialSuccess(rejected_spans=2, error_message="too \x1b[31m old")
    recorder.said = PROTOBUF
    recorder.answer = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    if encoding == "json":
        recorder.said = {"content-type": "application/json; charset=utf-8"}
        recorder.answer = b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too \\u001b[31m old"}}'
    code, err = push(worked, recorder.url)
    assert code == 1
    assert err.startswith(f"1 span taken by {recorder.url}")
    assert "too ␛[31m old" in err
    assert "the collector refused 2 of 3 spans" in err


def test_a_warning_of_a_collector_that_took_everything_is_told(worked: Cli, recorder: Recorder) -> None:
    recorder.said, recorder.answer = PROTOBUF, ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(error_message="use the new port")
    ).SerializeToString()  # fmt: skip
    code, err = push(worked, recorder.url)
    assert (code, "use the new port" in err) == (0, True)


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        (302, 1, "redirects are not followed"),
        (400, 1, "HTTP 400"),
        (401, 4, "--header"),
        (404, 3, "HTTP 404"),
        (415, 1, "protobuf"),
        (429, 5, "try again"),
        (500, 5, "HTTP 500"),
        (503, 5, "try again"),
        (507, 5, "room"),
    ],
)
def test_a_refusal_is_told_with_the_next_step(
    worked: Cli, recorder: Recorder, status: int, code: int, word: str
) -> None:
    recorder.status, recorder.said = status, {"location": f"{recorder.url}/elsewhere", **PROTOBUF}
    recorder.answer = ExportTracePartialSuccess(
        rejected_spans=3, error_message="so\nit is"
    ).SerializeToString()
    found, err = push(worked, recorder.url)
    assert (found, word in err, "so␊it is" in err) == (code, True, True), err
    assert [request.path for request in recorder.requests] == ["/v1/traces"]
    assert err.splitlines()[-1].startswith("       ")


def test_nobody_there_is_told(worked: Cli) -> None:
    code, err = push(worked, "http://127.0.0.1:9")
    assert (code, "no collector answers at http://127.0.0.1:9/v1/traces" in err) == (5, True)


def test_a_large_trace_goes_in_parts_and_in_smaller_ones_if_the_collector_wants(
    cli: Cli, recorder: Recorder
) -> None:
    cli.publish(run(1, "worker", *[span(f"s{number}", "x" * 200) for number in range(2_100)]))
    assert push(cli, recorder.url)[0] == 0
    assert [len(request.export.spans) for request in recorder.requests] == [1_000, 1_000, 101]
    recorder.requests.clear()
    recorder.most_bytes = 100_000
    code, err = push(cli, recorder.url)
    spans = [one.span_id for request in recorder.requests for one in request.export.spans]
    assert (code, len(spans), len(set(spans))) == (0, 2_101, 2_101)
    assert "2,101 spans taken" in err


@pytest.mark.parametrize(
    "url",
    ["ftp://a", "a", "http://", "http://u:s3cret@a", "http://a/?k=s3cret", "http://a b", "http://a:99999"],
)
def test_a_url_that_is_none_of_a_collector_is_refused_without_a_password(worked: Cli, url: str) -> None:
    done = worked.run("trace", "export", "latest", "--to", url)
    refused(done, 2, "--to")
    assert "s3cret" not in done.err


@pytest.mark.parametrize("more", [("--format", "html"), ("--output", "x")])
def test_what_makes_no_sense_with_a_collector_is_refused(
    worked: Cli, recorder: Recorder, more: tuple[str, str]
) -> None:
    refused(worked.run("trace", "export", "latest", "--to", recorder.url, *more), 2, "--to")
    refused(worked.run("trace", "export", "latest", "--header", "a=b"), 2, "--to")
    assert recorder.requests == []
