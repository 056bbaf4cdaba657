"""One short conversation in the words of different providers: `(name, input, output)`."""

from typing import Any

ARGUMENTS = {"city": "Oslo"}
JSON_ARGUMENTS = '{"city": "Oslo"}'

OPENAI = (
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Is it warm?"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": JSON_ARGUMENTS}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "21 degrees"},
    ],
    {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "It is."}, "finish_reason": "stop"}
        ]
    },
)

OPENAI_RESPONSES = (
    {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Is it warm?"}]},
            {
                "type": "function_call",
                "id": "fc",
                "call_id": "c1",
                "name": "weather",
                "arguments": JSON_ARGUMENTS,
            },
            {"type": "function_call_output", "call_id": "c1", "output": "21 degrees"},
        ],
    },
    {
        "output": [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It is."}]}
        ]
    },
)

ANTHROPIC = (
    {
        "model": "m",
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "Is it warm?"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t1", "name": "weather", "input": ARGUMENTS}],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t1",
                        "content": [{"type": "text", "text": "21 degrees"}],
                    }
                ],
            },
        ],
    },
    {"id": "msg", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "It is."}]},
)

GEMINI = (
    {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Is it warm?"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": ARGUMENTS}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": "21 degrees"}}]},
        ],
    },
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "It is."}]}, "finishReason": "STOP"}]},
)

GENAI = (
    [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Is it warm?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "weather", "arguments": JSON_ARGUMENTS}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "21 degrees"}]},
    ],
    [{"role": "assistant", "parts": [{"type": "text", "content": "It is."}], "finish_reason": "stop"}],
)

VERCEL = (
    {
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Is it warm?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool-call", "toolCallId": "c1", "toolName": "weather", "input": ARGUMENTS}
                ],
            },
            {
                "role": "tool",
                "content": [
                    {"type": "tool-result", "toolCallId": "c1", "toolName": "weather", "output": "21 degrees"}
                ],
            },
        ],
    },
    "It is.",
)

LANGCHAIN = (
    {
        "messages": [
            [
                {"lc": 1, "id": ["x", "SystemMessage"], "kwargs": {"type": "system", "content": "Be brief."}},
                {"type": "human", "data": {"content": "Is it warm?"}},
                {
                    "type": "ai",
                    "content": [{"type": "tool_use", "id": "t1", "name": "weather", "input": ARGUMENTS}],
                    "tool_calls": [{"id": "t1", "name": "weather", "args": ARGUMENTS, "type": "tool_call"}],
                },
                {"type": "tool", "tool_call_id": "t1", "name": "weather", "content": "21 degrees"},
            ]
        ]
    },
    {
        "generations": [
            [{"text": "It is.", "message": {"lc": 1, "kwargs": {"type": "ai", "content": "It is."}}}]
        ]
    },
)

OLD_OPENAI = (
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it warm?"},
        {
            "role": "assistant",
            "content": "",
            "function_call": {"name": "weather", "arguments": JSON_ARGUMENTS},
        },
        {"role": "function", "name": "weather", "content": "21 degrees"},
    ],
    {"role": "assistant", "content": "It is."},
)

DIALECTS: dict[str, tuple[Any, Any]] = {
    "openai": OPENAI,
    "openai-responses": OPENAI_RESPONSES,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "genai": GENAI,
    "vercel": VERCEL,
    "langchain": LANGCHAIN,
    "openai-2023": OLD_OPENAI,
}
