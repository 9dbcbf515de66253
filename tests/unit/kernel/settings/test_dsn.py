import pydantic
import pytest

from lamina.kernel.settings.dsn import CheckedDsn, WriterDsn, places, redacted, wants_tls, without_password

accepted = pydantic.TypeAdapter(CheckedDsn)
written = pydantic.TypeAdapter(WriterDsn)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://h/d",
        "postgres://u@h:5432/d",
        "postgresql://u:p%40ss@h1:5432,h2:5433/d?target_session_attrs=read-write",
        "postgresql://u:p@[::1]:5432/d?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql:///d?host=/run/postgresql",
        "postgresql:///d?host=/run/postgresql&sslmode=prefer",
        "postgresql://h1,h2/d?target_session_attrs=standby",
    ],
)
def test_a_dsn_of_postgresql_is_accepted_as_it_is(text: str) -> None:
    assert accepted.validate_python(text).get_secret_value() == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mysql://u:marker@h/d", "look like"),
        ("host=h password=marker", "look like"),
        ("postgresql://u:mar@ker@h/d", "encoded"),
        ("postgresql://u:marker@/d", "name a host"),
        ("postgresql://u:marker@h:x/d", "host:port"),
        ("postgresql://u:marker@h:70000/d", "65535"),
        ("postgresql://u:marker@h/d?sslmode=yes", "verify-full"),
        ("postgresql://h/d\n", "look like"),
        ("postgresql://u:marker@h/d?target_session_attrs=master", "prefer-standby"),
        ("postgresql://u:marker@h/d?connect_timeout=2", "postgres.connect_timeout_s"),
        ("postgresql://u:marker@h/d?keepalives_idle=1", "should not have the parameter keepalives_idle"),
        ("postgresql://u:marker@/d?host=/run/postgresql&sslmode=require", "UNIX socket"),
        ("postgresql:///d?host=%2Frun%2Fpostgresql&sslmode=verify-full", "embedded PostgreSQL"),
        ("postgresql:///d?host=h1,h2,h3&port=1,2", "as many as hosts"),
        ("postgresql:///d?host=h1&port=marker", "one port"),
    ],
)
def test_anything_else_is_refused_without_being_repeated(text: str, reason: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=reason) as caught:
        accepted.validate_python(text)
    told = caught.value.errors(include_input=False, include_context=False)[0]["msg"]
    assert "marker" not in told.replace("@", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:marker@h:1,i:2/d?sslmode=require", "postgresql://u:***@h:1,i:2/d?sslmode=require"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql://h/d?sslpassword=marker&a=b", "postgresql://h/d?sslpassword=***&a=b"),
        ("postgresql://u:marker@h/d?user=x&PASSWORD=marker", "postgresql://u:***@h/d?user=x&PASSWORD=***"),
        ("host=h password=marker", "**********"),
        ("postgresql://u:mar@ker@h/d", "**********"),
    ],
)
def test_passwords_are_masked_when_shown(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_a_dsn_shows_itself_masked() -> None:
    dsn = accepted.validate_python("postgresql://u:marker@h/d")
    assert "marker" not in f"{dsn} {dsn!r}"
    assert "u:***@h/d" in str(dsn)


@pytest.mark.parametrize(
    ("dsn", "address", "password"),
    [
        ("postgresql://u:p@h:1/d", "postgresql://u@h:1/d", "p"),
        (
            "postgresql://u:p%40%3A@h1:1,h2:2/d?sslmode=require",
            "postgresql://u@h1:1,h2:2/d?sslmode=require",
            "p@:",
        ),
        (
            "postgresql://u@/d?host=/run/pg&password=x%20y&port=5",
            "postgresql://u@/d?host=%2Frun%2Fpg&port=5",
            "x y",
        ),
        ("postgresql://h/d?sslpassword=s&sslkey=/k", "postgresql://h/d?sslkey=%2Fk", None),
        ("postgresql://u:@h/d", "postgresql://u@h/d", ""),
        ("postgresql://h/d", "postgresql://h/d", None),
    ],
)
def test_a_password_leaves_the_address(dsn: str, address: str, password: str | None) -> None:
    assert without_password(dsn) == (address, password)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [("", False), ("?sslmode=prefer", False), ("?sslmode=require", True), ("?a=1&sslmode=verify-full", True)],
)
def test_an_address_may_ask_for_encryption(query: str, wanted: bool) -> None:
    assert wants_tls(f"postgresql://u@h/d{query}") is wanted


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("postgresql://h/d", [("h", 5432)]),
        ("postgresql://u:p@h1:1,h2,[::1]:3/d", [("h1", 1), ("h2", 5432), ("::1", 3)]),
        ("postgresql:///d?host=h1,h2&port=7", [("h1", 7), ("h2", 7)]),
        ("postgresql://u@/d?host=%2Frun%2Fa,/run/b&port=1,2", [("/run/a", 1), ("/run/b", 2)]),
    ],
)
def test_the_hosts_are_read_in_their_order(text: str, found: list[tuple[str, int]]) -> None:
    accepted.validate_python(text)
    assert places(text) == found


@pytest.mark.parametrize("chosen", ["", "?target_session_attrs=read-write", "?target_session_attrs=primary"])
def test_what_is_written_to_may_have_several_hosts(chosen: str) -> None:
    text = f"postgresql://u:p@h1,h2,h3/d{chosen}"
    assert written.validate_python(text).get_secret_value() == text


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:marker@h1,h2/d?target_session_attrs=any",
        "postgresql://u:marker@h1,h2/d?target_session_attrs=prefer-standby",
        "postgresql://u:marker@h/d?target_session_attrs=read-only",
    ],
)
def test_what_is_written_to_is_no_standby(text: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="read-write") as caught:
        written.validate_python(text)
    assert "marker" not in caught.value.errors(include_input=False, include_context=False)[0]["msg"]
