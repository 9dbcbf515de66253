from lamina.kernel.web.openapi_prose import prose


def test_paragraphs_lists_and_code() -> None:
    text = """
First line
and second of `a < b`.

- one
with a second line
- `two`
"""
    assert prose(text) == (
        "<p>First line\nand second of <code>a &lt; b</code>.</p>"
        "<ul><li>one\nwith a second line</li><li><code>two</code></li></ul>"
    )


def test_nothing_said_is_nothing_shown() -> None:
    assert not prose("  \n")
