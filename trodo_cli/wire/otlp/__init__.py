"""OTLP over HTTP: trace exports in protobuf or JSON to events, and a trace back into an export."""
