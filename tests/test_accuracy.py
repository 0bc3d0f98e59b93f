"""How good the model is, as studies with it say."""

from whichway.analysis.models.accuracy import EVALUATION, QUESTIONS, read_accuracy
from whichway.miniature import CARD


def test_the_embedded_models_accuracy_is_its_cards():
    accuracy = read_accuracy("miniature")
    assert list(accuracy) == list(QUESTIONS)
    for question, share in accuracy.items():
        assert f"| {question} | {share} (" in CARD.read_text(encoding="utf-8")


def test_another_model_has_what_its_folder_says(tmp_path):
    assert read_accuracy(str(tmp_path)) is None
    assert read_accuracy("somebody/some-model") is None
    (tmp_path / EVALUATION).write_text(
        "| one object, held out: objects | 61.5% (55% – 67%, n = 400) |\n| else | 1% |\n"
    )
    assert read_accuracy(str(tmp_path)) == {"one object, held out: objects": "61.5%"}
