"""What a real agntz worker answered: the examples of the contract, as text."""

LISTED = """{"rows":[{"id":"run_9YrD_5_7WR3w","rootId":"run_9YrD_5_7WR3w","agentId":"parent","agentVersion":"2026-11-22T01:30:36.426Z",
 "userId":"owner-a","sessionId":"sess_zvMMppSXsOT3","retentionMode":"session","input":"go","status":"completed",
 "startedAt":1795311039876,"depth":0,"result":{"output":"...","invocationId":"run_9YrD_5_7WR3w","sessionId":"sess_zvMMppSXsOT3",
 "toolCalls":[],"usage":{"promptTokens":44,"completionTokens":28,"totalTokens":72,"model":"m"},"duration":136,"model":"m",
 "provider":"openai","requestedModel":"m","responseId":"resp_1","finishReason":"stop"},"endedAt":1795311040012}],
 "cursor":"eyJzdGFydGVkQXQiOjE3OTUzMTEwMzk4NzYsImlkIjoicnVuXzlZckRfNV83V1IzdyJ9"}"""  # noqa: E501
STARTED = """{"id":"run_86gWaqrOx7Bj","rootId":"run_86gWaqrOx7Bj","agentId":"echo","userId":"owner-a","sessionId":"sess_1M_M9e6f_jW2",
 "retentionMode":"session","input":"hello","status":"running","startedAt":1795310853427,"depth":0}"""  # noqa: E501
SPAN_END = """{"type":"span-end","spanId":"sp_d9fx","patch":{"endedAt":"2026-11-22T01:30:41.700Z","durationMs":1205,"status":"ok","error":null,
       "attributes":{"agent.model":"m","agent.step":1,"agent.usage.prompt_tokens":11,"agent.usage.completion_tokens":7}}}"""  # noqa: E501
DONE = """{"type":"trace-done","summary":{"traceId":"run_c4kaXF_7_gC3","ownerId":"owner-a","rootName":"slow","agentId":"slow",
       "startedAt":"2026-11-22T01:30:40.495Z","endedAt":"2026-11-22T01:30:41.701Z","durationMs":1206,"spanCount":4,"status":"ok",
       "totalTokens":18,"totalCostUsd":null}}"""  # noqa: E501
ROOT_SPAN = """{"spanId":"sp_ypny","traceId":"run_1dPERkVdAY7N","parentId":null,"ownerId":"owner-a",
 "runId":"run_1dPERkVdAY7N","sessionId":"sess_BhJee9yPZh18","name":"agent.run","kind":"run","startedAt":"2026-11-22T01:28:52.837Z",
 "endedAt":"2026-11-22T01:28:52.885Z","durationMs":48,"status":"ok","error":null,"attributes":{"agent.id":"echo",
 "agent.run.id":"run_1dPERkVdAY7N"},"events":[],"scores":{},"costUsd":null}"""
