"""The demo's model picks sentences of the text that it is given, and nothing else."""

import pytest

from trodo_cli.demo import model

TEXT = "Spans nest in runs.\nThe weather is fine.\nRuns hold spans.\nNobody asked."


def test_answer_holds_only_sentences_of_the_text() -> None:
    *picked, note = model.ask("Sum up.", TEXT, keep=2).splitlines()
    assert set(picked) <= set(TEXT.splitlines())
    assert note == model.NOTE


def test_sentence_with_the_most_frequent_words_is_picked_first() -> None:
    assert model.most_telling(["Nobody asked.", "Runs hold spans.", "Spans nest in runs."], 1) == [
        "Runs hold spans."
    ]


def test_picked_sentences_stand_in_the_order_of_the_text() -> None:
    text = ["Nobody asked.", "It is so.", "Spans nest in runs, runs hold spans."]
    assert model.most_telling(text, 2) == [text[0], text[2]]


def test_same_question_gets_the_same_answer() -> None:
    assert len({model.ask("Sum up.", TEXT) for _ in range(5)}) == 1


def test_what_was_said_once_makes_room_for_something_else() -> None:
    text = ["Alpha beta gamma delta.", "Alpha beta gamma delta!", "Words never heard before."]
    assert model.most_telling(text, 2) == [text[0], text[2]]


def test_note_of_an_earlier_answer_is_no_sentence() -> None:
    assert model.sentences(model.ask("Sum up.", TEXT)) == model.most_telling(model.sentences(TEXT), 3)


@pytest.mark.parametrize("text", ["", "\n \n", model.NOTE])
def test_nothing_to_pick_from_leaves_the_note_alone(text: str) -> None:
    assert model.ask("Sum up.", text) == model.NOTE


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a b c", 3), ("abcde", 2), ("four char", 3)])
def test_tokens_are_words_or_four_characters_each(text: str, tokens: int) -> None:
    assert model.token_count(text) == tokens
