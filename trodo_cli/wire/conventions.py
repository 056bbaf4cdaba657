"""What the conventions for GenAI spans call things: one table a field, read by `semconv` and nothing else.

A table gives, for each convention, the attributes that hold the field, the better one first. Conventions
come in the order in which they win where several sit on one span.
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
    "generic": ("model_name", "llm.request.model"),
}  # fmt: skip

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

USAGE: dict[str, Table] = {
    "input": {
        "openinference": ("llm.token_count.prompt",),
        "genai": ("gen_ai.usage.input_tokens",),
        "older": ("gen_ai.usage.prompt_tokens",),
        "vercel": ("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"),
        "generic": ("llm.usage.prompt_tokens", "gen_ai.aggregated_usage.input_tokens"),
    },
    "output": {
        "openinference": ("llm.token_count.completion",),
        "genai": ("gen_ai.usage.output_tokens",),
        "older": ("gen_ai.usage.completion_tokens",),
        "vercel": ("ai.usage.outputTokens", "ai.usage.completionTokens"),
        "generic": ("llm.usage.completion_tokens", "gen_ai.aggregated_usage.output_tokens"),
    },
    "cache_read": {
        "openinference": ("llm.token_count.prompt_details.cache_read",),
        "genai": ("gen_ai.usage.cache_read.input_tokens",),
        "older": ("gen_ai.usage.cache_read_input_tokens",),
        "vercel": ("ai.usage.cachedInputTokens", "ai.usage.inputTokenDetails.cacheReadTokens"),
        "generic": (
            "gen_ai.usage.details.cache_read_tokens",
            "gen_ai.aggregated_usage.cache_read.input_tokens",
        ),
    },
    "cache_write": {
        "openinference": ("llm.token_count.prompt_details.cache_write",),
        "genai": ("gen_ai.usage.cache_creation.input_tokens",),
        "older": ("gen_ai.usage.cache_creation_input_tokens",),
        "vercel": ("ai.usage.inputTokenDetails.cacheWriteTokens",),
        "generic": (
            "gen_ai.usage.details.cache_write_tokens",
            "gen_ai.aggregated_usage.cache_creation.input_tokens",
        ),
    },
    "reasoning": {
        "openinference": ("llm.token_count.completion_details.reasoning",),
        "genai": ("gen_ai.usage.reasoning.output_tokens",),
        "older": ("gen_ai.usage.reasoning_tokens",),
        "vercel": ("ai.usage.reasoningTokens", "ai.usage.outputTokenDetails.reasoningTokens"),
        "generic": ("gen_ai.usage.details.reasoning_tokens",),
    },
    "total": {
        "openinference": ("llm.token_count.total",),
        "older": ("gen_ai.usage.total_tokens",),
        "vercel": ("ai.usage.totalTokens",),
        "generic": ("llm.usage.total_tokens",),
    },
}
"""By the field of `Usage`; `total` where nothing else is told."""

APART_USAGE: dict[str, tuple[str, ...]] = {
    "input": ("input", "input_tokens", "prompt_tokens"),
    "output": ("output", "output_tokens", "completion_tokens"),
    "cache_read": ("cache_read_input_tokens", "input_cached_tokens", "input_cache_read", "cache_read"),
    "cache_write": ("cache_creation_input_tokens", "input_cache_creation", "cache_write"),
    "reasoning": ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens", "reasoning"),
    "total": ("total", "total_tokens"),
}
"""The names in Langfuse's `usage_details`, which keeps all categories apart."""

LANGFUSE_USAGE = "langfuse.observation.usage_details"
LANGFUSE_COST = "langfuse.observation.cost_details"

COST: Table = {
    "openinference": ("llm.cost.total",),
    "genai": ("gen_ai.usage.cost",),
    "older": ("operation.cost",),
    "generic": ("agent.cost_usd",),
}
COST_PARTS = ("llm.cost.prompt", "llm.cost.completion")

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
)  # fmt: skip
"""Attributes that name a kind, the deciding one first; a word that is not in the list makes a step."""

KIND_MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("tool", ("gen_ai.tool.name", "tool.name", "ai.toolCall.name")),
    ("agent", ("pydantic_ai.all_messages", "all_messages_events")),
    ("model", ("gen_ai.request.model",)),
    ("retrieval", ("retrieval.query", "db.system", "gen_ai.retrieval.query.text")),
)
"""Where no attribute names the kind: what is there only on spans of one."""

USAGE_PREFIX = "gen_ai.usage."

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

JSON_TEXTS = ("ai.", "traceloop.entity.", "mlflow.")
"""Names of this begin hold JSON texts always, so that even a text stands in quotes."""

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

STATUS = "trodo.status"
"""`cancelled`, which OpenTelemetry has no word for."""

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
