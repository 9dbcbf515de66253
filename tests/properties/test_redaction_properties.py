"""No secret leaves: whatever it looks like, and wherever in a value it stands."""

import json
import urllib.parse

from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.kernel.observability.redaction import masked, masked_text, register_secret
from lamina.kernel.settings.dsn import redacted

MARKER = "Zq7marker"

secrets = st.text(max_size=12).map(lambda text: f"{text}{MARKER}{text}")


def nested(secret: str) -> st.SearchStrategy[object]:
    leaves = st.one_of(
        st.none(), st.integers(), st.text(), st.just(secret), st.text().map(lambda text: text + secret + text)
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=8,
    )


@settings(max_examples=200, deadline=None)
@given(st.data(), secrets)
def test_a_registered_secret_is_nowhere_in_what_is_logged(data: st.DataObject, secret: str) -> None:
    register_secret(secret)
    shown = masked({"event": data.draw(nested(secret))})
    assert MARKER not in json.dumps(shown)


@settings(max_examples=200, deadline=None)
@given(secrets)
def test_the_usual_encodings_of_a_secret_are_masked(secret: str) -> None:
    register_secret(secret)
    for text in (
        json.dumps(secret),
        repr(secret),
        urllib.parse.quote(secret, safe="", errors="surrogatepass"),
    ):
        assert MARKER not in masked_text(f"x={text};")


@settings(max_examples=200, deadline=None)
@given(secrets, st.sampled_from(["", "?sslmode=require", "?sslpassword=x&a=b"]))
def test_no_password_of_a_dsn_is_shown(password: str, query: str) -> None:
    for text in (password, urllib.parse.quote(password, safe="", errors="surrogatepass")):
        assert MARKER not in redacted(f"postgresql://u:{text}@h:5432/d{query}")
