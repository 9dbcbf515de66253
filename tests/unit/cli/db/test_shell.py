import pytest

from lamina.cli.db.shell import without_password


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
