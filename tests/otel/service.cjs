// A service in Node that OpenTelemetry instruments: answers one request, then ends. `service.cjs URL KEY`.
// Imports nothing of ours; its spans join the trace of whoever asks, by the `traceparent` header.
const http = require("node:http");
const { context, propagation, trace, SpanKind, SpanStatusCode } = require("@opentelemetry/api");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-http");
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

const [url, key] = process.argv.slice(2);
const exporter = new OTLPTraceExporter({
  url: `${url}/v1/traces`,
  headers: { authorization: `Bearer ${key}` },
});
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
provider.register();
const tracer = trace.getTracer("node-service", "1.0");

const server = http.createServer((request, response) => {
  const caller = propagation.extract(context.active(), request.headers);
  context.with(caller, () =>
    tracer.startActiveSpan("POST /work", { kind: SpanKind.SERVER }, (span) => {
      tracer.startActiveSpan("chat m", (call) => {
        call.setAttributes({
          "gen_ai.operation.name": "chat",
          "gen_ai.request.model": "m",
          "gen_ai.usage.input_tokens": 7,
          "gen_ai.usage.output_tokens": 3,
        });
        call.setStatus({ code: SpanStatusCode.ERROR, message: "no answer" });
        call.end();
      });
      span.end();
      response.end("done", () => {
        server.close();
        server.closeAllConnections();
        provider.shutdown().then(() => console.log("sent"));
      });
    }),
  );
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
