"""What the live view takes from the open internet."""

import pytest
from tests.live_documents import GENESIS, OTHER_GENESIS, T0, block, connected, hear, interval, kinds

from lamina.services.telemetry.live.limits import LiveLimits
from lamina.services.telemetry.live.view import LiveView


def mute_reason(view: LiveView, connection: object, **fields: object) -> str | None:
    (change, *_) = hear(view, T0, connection, connected(**fields))
    return getattr(change, "reason", None)


def test_a_connection_may_carry_so_many_nodes() -> None:
    view = LiveView(LiveLimits(max_nodes_per_connection=2))
    reasons = [mute_reason(view, "c", telemetry_id=number) for number in range(3)]
    assert reasons == [None, None, "max_nodes_per_connection"]
    assert mute_reason(view, "d", telemetry_id=2) is None
    assert not hear(view, T0, "c", block(5, telemetry_id=2))


def test_without_that_limit_it_may_carry_any_number() -> None:
    view = LiveView(LiveLimits(max_nodes_per_connection=0))
    assert [mute_reason(view, "c", telemetry_id=number) for number in range(50)] == [None] * 50


def test_chains_on_the_denylist_are_not_shown() -> None:
    view = LiveView(LiveLimits(denylist=frozenset({"Spam"})))
    assert mute_reason(view, 1, chain="Spam") == "denylist"
    assert not view.chains
    assert mute_reason(view, 2, chain="Spam2") is None


def test_a_third_party_chain_has_so_many_nodes() -> None:
    limits = LiveLimits(max_third_party_nodes=1, first_party_genesis_hashes=frozenset({OTHER_GENESIS}))
    view = LiveView(limits)
    assert [mute_reason(view, number) for number in range(2)] == [None, "max_third_party_nodes"]
    assert [mute_reason(view, n, genesis_hash=OTHER_GENESIS) for n in range(2, 5)] == [None] * 3
    view.leave(0)
    assert mute_reason(view, 1) is None


def test_a_silent_node_is_removed_and_with_the_last_its_connection() -> None:
    view = LiveView(LiveLimits(stale_node_timeout_seconds=60))
    hear(view, T0, "c", connected(telemetry_id=1))
    hear(view, T0, "c", connected(telemetry_id=2))
    hear(view, T0 + 30_000, "c", interval(telemetry_id=2))
    view.tick(T0 + 1000)
    assert not view.tick(T0 + 59_999)
    assert kinds(view.tick(T0 + 60_000)) == ["NodeRemoved", "ChainCounted", "StatisticsChanged"]
    assert not hear(view, T0 + 60_000, "c", interval(telemetry_id=1))
    changes = view.tick(T0 + 90_000)
    assert kinds(changes) == ["NodeRemoved", "ChainRemoved", "ConnectionIdle"]
    assert changes[-1].connection_id == "c"
    assert not view.leave("c")
    assert kinds(hear(view, T0 + 99_000, "c", connected(telemetry_id=1))) == ["NodeAdded", "ChainCounted"]


@pytest.mark.parametrize(
    ("document", "is_sign_of_life"),
    [
        (interval(), True),
        (block(1), True),
        (connected(), True),
        (block("1"), False),
        ({"msg": "notify.finalized", "height": "x"}, False),
        ({"msg": "afg.authority_set"}, False),
        ({"msg": "sysinfo.hwbench"}, False),
        ({"msg": "txpool.import", "ready": 1}, False),
    ],
)
def test_only_what_can_be_interpreted_is_a_sign_of_life(
    document: dict[str, object], is_sign_of_life: bool
) -> None:
    view = LiveView(LiveLimits(stale_node_timeout_seconds=60))
    hear(view, T0, "c", connected())
    hear(view, T0 + 30_000, "c", document)
    view.tick(T0 + 60_000)
    assert (GENESIS in view.chains) is is_sign_of_life


def test_without_a_timeout_silence_does_not_matter() -> None:
    view = LiveView(LiveLimits())
    hear(view, T0, "c", connected())
    view.tick(T0 + 10**9)
    assert view.chains
