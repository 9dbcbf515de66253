from lamina.kernel.web.markup import Markup, element, join


def test_text_is_escaped_and_markup_is_not() -> None:
    inner = element("b", "a < b & 'c'")
    assert inner == "<b>a &lt; b &amp; &#x27;c&#x27;</b>"
    assert element("p", inner, " > ", None, [Markup("<br>"), "&"]) == f"<p>{inner} &gt; <br>&amp;</p>"


def test_attributes_are_named_escaped_and_left_out() -> None:
    made = element("label", class_="a b", aria_live="polite", title='"<', hidden=True, open=False, id=None)
    assert made == '<label class="a b" aria-live="polite" title="&quot;&lt;" hidden></label>'


def test_an_attribute_may_have_the_name_of_an_argument() -> None:
    assert element("input", name="tag", tag="x") == '<input name="tag" tag="x">'


def test_what_is_made_is_never_escaped_again() -> None:
    assert join([element("i", "<")]) == join(element("i", "<")) == "<i>&lt;</i>"
