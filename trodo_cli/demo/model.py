"""The demo's language model: it picks the most telling sentences out of the text that it is given.

A real computation on this machine: no network, no chance, the same answer to the same question.
"""

import re
from collections import Counter
from math import sqrt

import trodo_cli as trodo

NAME = "demo-extractive-1"
PROVIDER = "local"
NOTE = f"(Picked by {NAME}, a local demo model that writes nothing of its own.)"
"""Stands at the end of every answer."""

SHORTEST_WORD = 4
"""Words with fewer letters say little about what a text is about."""


def ask(instructions: str, text: str, *, keep: int = 3) -> str:
    """Ask the model for the `keep` most telling sentences of a text; recorded as a model call."""
    messages = [{"role": "system", "content": instructions}, {"role": "user", "content": text}]
    with trodo.span(NAME, kind="model", input=messages) as call:
        answer = "\n".join([*most_telling(sentences(text), keep), NOTE])
        call.set_llm(
            model=NAME,
            provider=PROVIDER,
            input_tokens=token_count(instructions) + token_count(text),
            output_tokens=token_count(answer),
            cost=0.0,  # nobody charges for a function call
        )
        call.set_output({"role": "assistant", "content": answer})
        return answer


def most_telling(candidates: list[str], keep: int) -> list[str]:
    """The sentences whose words are most frequent in the whole text, in the order of the text.

    A word counts less each time that it was picked (SumBasic), so that the choice does not repeat itself.
    """
    frequency = Counter(word for sentence in candidates for word in _words(sentence))
    weights = {word: count / frequency.total() for word, count in frequency.items()}
    left = list(candidates)
    for _ in range(min(keep, len(left))):
        best = max(left, key=lambda sentence: _weight(sentence, weights))
        left.remove(best)
        weights.update({word: weights[word] ** 2 for word in set(_words(best))})
    return [sentence for sentence in candidates if sentence not in left]


def sentences(text: str) -> list[str]:
    """The sentences of a text, which stand one on a line; each once, without the model's own note."""
    lines = (line.strip() for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line and line != NOTE))


def token_count(text: str) -> int:
    """How much text that is: one token per word, or per four characters if that is more."""
    return max(len(text.split()), -(-len(text) // 4))


def _weight(sentence: str, weights: dict[str, float]) -> float:
    """Between the sum, which prefers long sentences, and the mean, which prefers short ones."""
    words = _words(sentence)
    return sum(weights[word] for word in words) / sqrt(len(words) or 1)


def _words(sentence: str) -> list[str]:
    return [word for word in re.findall(r"[a-z]+", sentence.lower()) if len(word) >= SHORTEST_WORD]
