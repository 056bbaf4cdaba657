"""Agents of others, sent to a server of ours: `programs.py WHAT URL KEY`. Imports nothing of ours."""

import contextlib
import json
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Blue sky."}}
    ],
    "usage": {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "prompt_tokens_details": {"cached_tokens": 400},
        "completion_tokens_details": {"reasoning_tokens": 20},
    },
}


class Model(BaseHTTPRequestHandler):
    """Answers every question the same."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        data = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def provider_of(
    url: str, key: str, *, encoding: str = "protobuf", one_by_one: bool = False
) -> TracerProvider:
    if encoding == "json":
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces", headers={"authorization": f"Bearer {key}"})
    provider = TracerProvider(resource=Resource.create({"service.name": "weather"}))
    processor = SimpleSpanProcessor(exporter) if one_by_one else BatchSpanProcessor(exporter)
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    return provider


def pydantic_ai(provider: TracerProvider) -> None:
    """Its own test model, which calls every tool once."""
    from pydantic_ai import Agent
    from pydantic_ai.models.instrumented import InstrumentationSettings
    from pydantic_ai.models.test import TestModel

    agent = Agent(TestModel(), name="weather-agent", system_prompt="Be brief.")
    agent.instrument = InstrumentationSettings(tracer_provider=provider)

    @agent.tool_plain
    def weather(city: str) -> str:
        return f"sunny in {city}"

    usage = agent.run_sync("How is it in Bern?").usage
    usage = usage() if callable(usage) else usage
    print(json.dumps({"input": usage.input_tokens, "output": usage.output_tokens}))


def openinference(provider: TracerProvider) -> None:
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    _ask(fails=True)


def openllmetry(provider: TracerProvider) -> None:
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    _ask()


def both(provider: TracerProvider) -> None:
    """Two instrumentations of one call."""
    from openinference.instrumentation.openai import OpenAIInstrumentor as One
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor as Other

    One().instrument(tracer_provider=provider)
    Other().instrument(tracer_provider=provider)
    _ask()


def _ask(*, fails: bool = False) -> None:
    import openai

    model = HTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    with trace.get_tracer("app").start_as_current_span("answer"):
        if fails:
            client = openai.OpenAI(api_key="x", base_url="http://127.0.0.1:1/v1", max_retries=0)
            with contextlib.suppress(openai.APIConnectionError):
                client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
        client = openai.OpenAI(api_key="x", base_url=f"http://127.0.0.1:{model.server_port}/v1")
        asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather?"}]
        client.chat.completions.create(model="gpt-4o", messages=asked)
    model.shutdown()


def plain(provider: TracerProvider) -> None:
    """Spans of OpenTelemetry itself, with a failure and every kind of value."""
    tracer = provider.get_tracer("app", "1.2")
    with tracer.start_as_current_span("handle", kind=trace.SpanKind.SERVER) as root:
        root.set_attributes({"user.id": "ada", "session.id": "s", "list": [1, 2], "half": 0.5, "yes": True})
        with tracer.start_as_current_span("chat m") as call:
            call.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"})
            call.set_attribute("gen_ai.usage.input_tokens", 7)
        try:
            with tracer.start_as_current_span("execute_tool look") as tool:
                tool.set_attribute("gen_ai.operation.name", "execute_tool")
                raise ValueError("no\nluck")
        except ValueError:
            pass


PROGRAMS: dict[str, Callable[[TracerProvider], None]] = {
    program.__name__: program for program in (pydantic_ai, openinference, openllmetry, both, plain)
}

if __name__ == "__main__":
    what, url, key, *more = sys.argv[1:]
    provider = provider_of(url, key, encoding=(more or ["protobuf"])[0], one_by_one=what == "plain")
    PROGRAMS[what](provider)
    provider.shutdown()
