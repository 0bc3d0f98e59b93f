import pytest

from whichway.analysis.errors import UserError
from whichway.analysis.paths.chosen_method import CHOICES, ChosenMethod, choose_method


def test_choices_after_an_at_hold_for_one_method_in_any_order():
    wanted = ChosenMethod("optimal", "cross-attention", "own", "perceptual")
    assert choose_method("optimal@cross-attention@own@perceptual") == wanted
    assert choose_method("optimal@perceptual@own@cross-attention") == wanted


def test_what_is_not_said_is_the_default():
    default = ChosenMethod("optimal", "cosine", "words", "constant-speed")
    assert choose_method("identity+spherical@all", default) == ChosenMethod(
        "identity+spherical", "cosine", "all", "constant-speed"
    )


def test_no_two_choices_have_one_name():
    names = [name for choices in CHOICES.values() for name in choices]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("optimal@sideways", "unknown 'sideways' in 'optimal@sideways'; known after an @: euclidean, cosine"),
        ("optimal@own@words", "'optimal@own@words' says its tokens twice"),
        ("best", "unknown method 'best'"),
        ("optimal@", "unknown '' in 'optimal@'"),
    ],
)
def test_unknown_choices_are_named(name, message):
    with pytest.raises(UserError, match=message):
        choose_method(name)
