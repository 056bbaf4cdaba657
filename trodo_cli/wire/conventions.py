"""What the conventions for GenAI spans call things: one table a field, read by `genai` and `exchange`.

A table gives, for each convention, the attributes that hold the field, the better one first. Conventions
come in the order in which they win where several sit on one span. Tokens and cost are in `usage_names`.
"""

from typing import Final

CONVENTIONS: Final = (
    "trodo", "langfuse", "openinference", "genai", "older", "vercel", "traceloop", "generic",
)  # fmt: skip
"""OpenInference counts as `generic` on a span that does not say its kind."""

Table = dict[str, tuple[str, ...]]

OPENINFERENCE_MARK = "openinference.span.kind"

MODEL: Table = {
    "langfuse": ("langfuse.observation.model.name",),
    "openinference": (
        "llm.model_name", "llm.response.model_name", "llm.request.model_name", "embedding.model_name",
        "reranker.model_name",
    ),
    "genai": ("gen_ai.response.model", "gen_ai.request.model"),
    "vercel": ("ai.response.model", "ai.model.id"),
    "generic": ("model_name", "llm.request.model", "mlflow.llm.model"),
}  # fmt: skip

PARAMETERS, MODEL_PARAMETERS = "llm.invocation_parameters", ("model", "model_name")
"""A JSON text that may name the model that was asked for, when nobody answered."""

PROVIDER: Table = {
    "openinference": ("llm.provider", "llm.system"),
    "genai": ("gen_ai.provider.name",),
    "older": ("gen_ai.system",),
    "vercel": ("ai.model.provider",),
    "generic": ("llm.vendor",),
}

TOOL: Table = {
    "openinference": ("tool.name",),
    "genai": ("gen_ai.tool.name",),
    "vercel": ("ai.toolCall.name",),
    "generic": ("mcp.tool.name",),
}

TOOL_CALL: Table = {
    "openinference": ("tool.id", "tool_call.id"),
    "genai": ("gen_ai.tool.call.id",),
    "vercel": ("ai.toolCall.id",),
}

FINISH: Table = {
    "genai": ("gen_ai.response.finish_reasons",),
    "vercel": ("ai.response.finishReason",),
    "generic": ("llm.finish_reason",),
}

FIRST_TOKEN: dict[str, int] = {
    "gen_ai.response.time_to_first_chunk": 10**9,
    "gen_ai.client.operation.time_to_first_chunk": 10**9,
    "gen_ai.server.time_to_first_token": 10**6,
    "ai.response.msToFirstChunk": 10**6,
}
"""How long the first token took, and how many nanoseconds its unit has."""

AGENT: Table = {
    "trodo": ("trodo.agent_name",),
    "openinference": ("agent.name",),
    "genai": ("gen_ai.agent.name",),
    "older": ("agent_name",),
    "vercel": ("ai.telemetry.metadata.agentName", "ai.telemetry.functionId", "resource.name"),
    "traceloop": ("traceloop.workflow.name", "gen_ai.workflow.name"),
    "generic": ("graph.node.id", "langfuse.trace.name"),
}

SESSION: Table = {
    "trodo": ("trodo.conversation_id",),
    "generic": (
        "session.id", "gen_ai.conversation.id", "langfuse.session.id", "ai.telemetry.metadata.sessionId",
        "traceloop.association.properties.session_id", "traceloop.association.properties.thread_id", "thread.id",
        "mcp.session.id",
    ),
}  # fmt: skip

USER: Table = {
    "trodo": ("trodo.distinct_id",),
    "generic": (
        "user.id", "enduser.id", "langfuse.user.id", "ai.telemetry.metadata.userId",
        "traceloop.association.properties.user_id", "gen_ai.user",
    ),
}  # fmt: skip

# -- kinds -------------------------------------------------------------------------------------------

KINDS: tuple[tuple[str, dict[str, str]], ...] = (
    (OPENINFERENCE_MARK, {
        "llm": "model", "embedding": "model", "tool": "tool", "agent": "agent", "retriever": "retrieval",
        "reranker": "retrieval", "chain": "step", "prompt": "step", "guardrail": "step", "evaluator": "step",
    }),
    ("langfuse.observation.type", {
        "generation": "model", "embedding": "model", "tool": "tool", "agent": "agent", "retriever": "retrieval",
        "chain": "step", "span": "step", "evaluator": "step", "guardrail": "step", "event": "step",
    }),
    ("gen_ai.operation.name", {
        "chat": "model", "text_completion": "model", "generate_content": "model", "embeddings": "model",
        "execute_tool": "tool", "invoke_agent": "agent", "create_agent": "agent", "invoke_workflow": "agent",
        "retrieval": "retrieval", "rerank": "retrieval",
    }),
    ("ai.operationId", {
        "ai.generateText": "agent", "ai.streamText": "agent", "ai.generateObject": "agent",
        "ai.streamObject": "agent", "ai.toolCall": "tool", "ai.embed": "step", "ai.embedMany": "step",
        "ai.generateText.doGenerate": "model", "ai.streamText.doStream": "model",
        "ai.generateObject.doGenerate": "model", "ai.streamObject.doStream": "model",
        "ai.embed.doEmbed": "model", "ai.embedMany.doEmbed": "model",
    }),
    ("traceloop.span.kind", {
        "workflow": "agent", "agent": "agent", "task": "step", "tool": "tool", "unknown": "step",
    }),
    ("llm.request.type", {
        "chat": "model", "completion": "model", "embedding": "model", "rerank": "retrieval",
    }),
    ("mlflow.spanType", {
        "chat_model": "model", "llm": "model", "embedding": "model", "tool": "tool", "agent": "agent",
        "workflow": "agent", "retriever": "retrieval", "reranker": "retrieval",
    }),
)  # fmt: skip
"""Attributes that name a kind, the deciding one first; a word that is not in the list makes a step."""

KIND_MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("tool", ("gen_ai.tool.name", "tool.name", "ai.toolCall.name")),
    ("agent", ("pydantic_ai.all_messages", "all_messages_events")),
    ("model", ("gen_ai.request.model",)),
    ("retrieval", ("retrieval.query", "db.system", "gen_ai.retrieval.query.text")),
)
"""Where no attribute names the kind: what is there only on spans of one."""

# -- what went in and what came out ------------------------------------------------------------------

TOOL_INPUT: Table = {"genai": ("gen_ai.tool.call.arguments",)}
TOOL_OUTPUT: Table = {"genai": ("gen_ai.tool.call.result",)}
"""What stands before any messages that tell of the same call."""

INPUT: Table = {
    "langfuse": ("langfuse.observation.input",),
    "openinference": ("input.value",),
    "genai": ("gen_ai.retrieval.query.text",),
    "older": ("gen_ai.prompt",),
    "vercel": ("ai.prompt.messages", "ai.prompt", "ai.toolCall.args", "ai.value", "ai.values"),
    "traceloop": ("traceloop.entity.input", "gen_ai.task.input"),
    "generic": (
        "pydantic_ai.all_messages", "all_messages_events", "tool_arguments", "mlflow.spanInputs", "input", "prompt",
        "retrieval.query", "langfuse.trace.input",
    ),
}  # fmt: skip

OUTPUT: Table = {
    "langfuse": ("langfuse.observation.output",),
    "openinference": ("output.value",),
    "older": ("gen_ai.completion",),
    "vercel": ("ai.toolCall.result",),
    "traceloop": ("traceloop.entity.output", "gen_ai.task.output"),
    "generic": (
        "final_result", "tool_response", "mlflow.spanOutputs", "output", "completion", "langfuse.trace.output",
    ),
}  # fmt: skip

FLATTENED_INPUTS = (("llm.prompts.", ("prompt", "text")), ("embedding.embeddings.", ("embedding", "text")))
FLATTENED_OUTPUTS = (
    ("llm.choices.", ("completion", "text")),
    ("retrieval.documents.", ("document",)),
    ("reranker.output_documents.", ("document",)),
)
"""Where OpenInference has lists that are no messages, and where in an item that is which counts."""

JSON_TEXTS = ("ai.", "traceloop.entity.", "mlflow.", "gen_ai.tool.call.")
"""Names of this begin hold JSON texts always, so that even a text stands in quotes."""

WRAPPED = "traceloop.span.kind"
WRAPPERS: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (
    (frozenset(("inputs", "tags", "metadata", "kwargs")), ("inputs",)),
    (frozenset(("input_str", "inputs", "tags", "metadata", "kwargs")), ("inputs", "input_str")),
    (frozenset(("outputs", "kwargs")), ("outputs",)),
    (frozenset(("output", "kwargs")), ("output",)),
)
"""What OpenLLMetry wraps LangChain's values in on such spans: all names of the object, and those that count."""

RUN_INPUT, RUN_OUTPUT = "langfuse.trace.input", "langfuse.trace.output"
"""What a span says of its whole trace."""

# -- the rest ----------------------------------------------------------------------------------------

METADATA_PREFIXES = (
    "trodo.metadata.", "langfuse.trace.metadata.", "ai.telemetry.metadata.", "traceloop.association.properties.",
)  # fmt: skip
METADATA_TEXT = "metadata"
"""A JSON text of all of it."""

NO_METADATA = frozenset(("agentName", "sessionId", "userId", "session_id", "thread_id", "user_id"))
"""What has a field of its own."""

TAGGED_METADATA = "trodo.metadata."
"""What a run can be found by, as if the Trodo SDK had told it on its own wire."""

TAGS = ("langfuse.trace.tags", "tag.tags", "ai.telemetry.metadata.tags")

PARENT_RUN = "trodo.parent_run_id"

STATUS, KIND, LEVEL = "trodo.status", "trodo.kind", "trodo.level"
"""What OpenTelemetry has no word for: a span that was cancelled, one of another kind, one that is no error."""

PROVIDER_SPELLINGS = {
    "az.ai.openai": "azure.ai.openai",
    "az.ai.inference": "azure.ai.inference",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "xai": "x_ai",
    "mistralai": "mistral_ai",
    "bedrock": "aws.bedrock",
}
"""Other spellings of OpenTelemetry's names."""

API_ENDS = ("chat", "responses", "completion", "completions", "embedding", "embeddings", "messages", "image")
"""What some libraries put behind a provider's name: `openai.chat`."""

STATUS_CODES = ("http.response.status_code", "http.status_code", "rpc.grpc.status_code")

LEVELS = {"debug": "debug", "default": None, "warning": "warning", "error": "error"}
"""Langfuse's levels; an error is one of the span."""

LOGFIRE_WARNING, LOGFIRE_ERROR = 13, 17
"""`logfire.level_num` from here on."""
