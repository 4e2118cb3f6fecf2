"""A page that axe-core would find something on has a shape that no good page has."""

import pytest

from tests.shapes import one_of_each, shapes

GOOD = """<html lang="en"><body><main><h1>One</h1><h2>Two</h2>
<label for="a">A</label><input id="a"><img src="x" alt="X"><a class="dark" href="/">Home</a>
<p id="told">Why</p><button aria-describedby="told">Go</button><ul><li>One</li></ul>
</main></body></html>"""


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ('for="a"', 'for="b"'),
        (' alt="X"', ""),
        (">Home<", "><"),
        ("dark", "pale"),
        ('id="told"', 'id="a"'),
        ('aria-describedby="told"', 'aria-describedby="nothing"'),
        ("h2", "h3"),
        ("ul>", "div>"),
        (' lang="en"', ""),
        ("<button", '<button role="row"'),
    ],
)
def test_a_barrier_is_a_new_shape(good, bad):
    assert good in GOOD

    assert not shapes(GOOD.replace(good, bad)) <= shapes(GOOD)


def test_other_words_and_more_rows_are_no_new_shape():
    other = GOOD.replace("Home", "Away").replace("<li>One</li>", "<li>Two</li><li>Three</li>")

    assert shapes(other) == shapes(GOOD)


def test_pages_are_chosen_until_each_shape_was_on_one():
    pages = {"a": frozenset("ab"), "b": frozenset("abc"), "c": frozenset("cd"), "d": frozenset("d")}

    assert list(one_of_each(pages)) == ["b", "c"]
