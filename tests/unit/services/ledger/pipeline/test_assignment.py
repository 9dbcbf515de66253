"""Which node gets a waiting transaction (spec/ledger.md 5.1, 5.5)."""

from lamina.services.ledger.model.federation import Federation
from lamina.services.ledger.pipeline.assignment import choose, choose_again

five = Federation.of("me", ["a", "b", "c", "d"])
alone = Federation.of("me", [])


def test_a_transaction_goes_to_any_other_node() -> None:
    assert {choose(five) for _ in range(400)} == {"a", "b", "c", "d"}


def test_a_lone_node_keeps_its_transactions() -> None:
    assert {choose(alone), choose_again(alone, "me"), choose_again(alone, "gone")} == {"me"}


def test_a_stale_transaction_goes_to_any_node_but_the_one_it_waited_for() -> None:
    assert {choose_again(five, "b") for _ in range(400)} == {"me", "a", "c", "d"}
    assert {choose_again(five, "me") for _ in range(400)} == {"a", "b", "c", "d"}
    assert {choose_again(five, "gone") for _ in range(400)} == {"me", "a", "b", "c", "d"}


def test_a_keyring_may_repeat_keys_and_name_this_node() -> None:
    assert Federation.of("me", ["a", "me", "a"]) == Federation("me", ("a",))
    assert Federation.of("me", ["a", "me", "a"]).voters == ("me", "a")
    assert Federation.of("me", ["a"]).members == {"me", "a"}
