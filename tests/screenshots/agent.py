"""An agent for the pictures: it answers a customer with tools, and its model follows a script.

`python agent.py` fails at the payment service as such agents do; `python agent.py ok` gets through.
"""

import json
import sys
import time
from contextlib import suppress
from typing import Any

import trodo_cli as trodo

MODEL = "scripted-model-1"
USD_PER_TOKEN = 2.5e-6
RULES = "You are the support agent of a web shop. Refund only what the policy allows."
QUESTION = "My order 4711 arrived broken. Can I have my money back?"
ORDER = {"order": 4711, "item": "desk lamp", "paid": 39.0, "currency": "EUR", "delivered": "2 days ago"}

Messages = list[dict[str, Any]]


service = {"answers": "ok" in sys.argv[1:]}


class PaymentTimeout(Exception):
    """The payment service did not answer."""


def model(messages: Messages, says: str, *calls: tuple[str, dict[str, Any]], seconds: float) -> None:
    """One call of the model; its answer is added to the messages."""
    with trodo.span(MODEL, kind="model", input=list(messages)) as call:
        time.sleep(seconds)
        asked = [
            {
                "id": f"call_{len(messages)}{at}",
                "type": "function",
                "function": {"name": name, "arguments": given},
            }
            for at, (name, given) in enumerate(calls)
        ]
        answer: dict[str, Any] = {"role": "assistant", "content": says}
        if asked:
            answer["tool_calls"] = asked
        read, written = len(str(messages)) // 3, len(str(answer)) // 3
        call.set_llm(
            model=MODEL, provider="local", input_tokens=read, output_tokens=written,
            cost=(read + 4 * written) * USD_PER_TOKEN,
        )  # fmt: skip
        call.set_output(answer)
        messages.append(answer)


def told(messages: Messages, result: object) -> None:
    """The result of the call that was asked for last."""
    call = messages[-1]["tool_calls"][0]["id"]
    messages.append({"role": "tool", "tool_call_id": call, "content": json.dumps(result)})


@trodo.tool
def get_order(order: int) -> dict[str, Any]:
    time.sleep(0.14)
    return ORDER


@trodo.retrieval
def search_policy(query: str) -> list[str]:
    time.sleep(0.22)
    return ["Broken on arrival: full refund within 14 days.", "Refunds go back the way they were paid."]


@trodo.tool
def create_refund(order: int, amount: float) -> dict[str, Any]:
    if not service["answers"]:
        time.sleep(0.8)
        raise PaymentTimeout("payments.internal did not answer within 800 ms (refund of order 4711)")
    time.sleep(0.3)
    return {"refund": "re_2219", "amount": amount}


def check(messages: Messages) -> None:
    """A run of its own: what the policy says."""
    with trodo.wrap_agent("policy-check", conversation_id="chat-93", input=QUESTION) as run:
        found = search_policy("broken on arrival refund")
        model([*messages, {"role": "user", "content": found[0]}], "A full refund is allowed.", seconds=0.35)
        run.set_output({"allowed": True, "amount": ORDER["paid"]})


def refund(messages: Messages) -> None:
    """Ask for the refund, a second time when nobody answers."""
    with trodo.span("refund", kind="agent", input=ORDER):
        model(messages, "", ("create_refund", {"order": 4711, "amount": 39.0}), seconds=0.5)
        with suppress(PaymentTimeout):
            told(messages, create_refund(4711, 39.0))
            return
        with trodo.span("back-off", kind="step"):
            time.sleep(0.25)
        told(messages, create_refund(4711, 39.0))


def main() -> None:
    messages: Messages = [{"role": "system", "content": RULES}, {"role": "user", "content": QUESTION}]
    with trodo.wrap_agent(
        "support-agent", conversation_id="chat-93", metadata={"tags": ["shop"]}, input=messages
    ) as run:
        with trodo.span("understand", kind="agent", input=QUESTION):
            model(messages, "Let me look at the order.", ("get_order", {"order": 4711}), seconds=0.7)
            told(messages, get_order(4711))
        check(messages)
        refund(messages)
        model(messages, "Your 39.00 EUR are on their way back to you.", seconds=0.6)
        run.set_output(messages[-1])


if __name__ == "__main__":
    with suppress(PaymentTimeout):
        main()
    trodo.flush()
