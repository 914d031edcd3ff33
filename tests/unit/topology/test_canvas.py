import numpy as np

from topology.canvas import Canvas


def at(x, y):
    return np.array([x, y])


def test_a_line_from_corner_to_corner():
    canvas = Canvas(4, 2)
    canvas.line(at(0.0, 0.0), at(1.0, 1.0))
    assert canvas.lines() == ["⠑⢄", "  ⠑⢄"]


def test_a_level_line_without_braille():
    canvas = Canvas(5, 1)
    canvas.line(at(0.0, 0.5), at(1.0, 0.5))
    assert canvas.lines(braille=False) == ["....."]


def test_words_are_set_apart_from_lines():
    canvas = Canvas(9, 1)
    canvas.line(at(0.0, 0.5), at(1.0, 0.5))
    canvas.word("p1", at(0.5, 0.5))
    assert canvas.lines(braille=False) == [".. p1 ..."]


def test_a_word_gives_way_to_another():
    canvas = Canvas(6, 3)
    canvas.word("p1", at(0.5, 0.5))
    canvas.word("p2", at(0.6, 0.5))
    assert canvas.lines() == ["  p2", "  p1", ""]


def test_words_stay_on_the_canvas():
    canvas = Canvas(6, 1)
    canvas.word("aa", at(0.0, 0.5))
    canvas.word("bb", at(1.0, 0.5))
    assert canvas.lines() == ["aa  bb"]


def test_a_word_without_room_is_not_written():
    canvas = Canvas(12, 2)
    at = np.array([0.5, 0.5])
    assert [canvas.word(name, at) for name in ("first", "second", "third")] == [True, True, False]
    assert "third" not in "".join(canvas.lines())
