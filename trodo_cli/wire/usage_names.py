"""What the conventions for GenAI spans call tokens and cost: tables as in `conventions`, read by `usage`."""

from trodo_cli.wire.conventions import Table

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
        "genai": ("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens"),
        "older": ("gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cache_write_input_tokens"),
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

USAGE_OBJECTS = ("gen_ai.usage.raw", "mlflow.chat.tokenUsage")
"""JSON texts of usage as a provider has it."""

LANGFUSE_USAGE = "langfuse.observation.usage_details"
LANGFUSE_COST = "langfuse.observation.cost_details"

COST: Table = {
    "openinference": ("llm.cost.total",),
    "genai": ("gen_ai.usage.cost",),
    "older": ("operation.cost",),
    "generic": ("agent.cost_usd",),
}
COST_PARTS = ("llm.cost.prompt", "llm.cost.completion")

USAGE_PREFIX = "gen_ai.usage."
"""What is only on spans of a model."""
