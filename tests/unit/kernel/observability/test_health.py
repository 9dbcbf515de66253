from lamina.kernel.observability.health import Health


def test_ready_until_a_reason_is_named_and_again_when_it_is_gone() -> None:
    health = Health()
    assert health.ready
    health.set("store", "the database does not answer")
    health.set("blocks", "12 blocks behind")
    assert not health.ready
    assert list(health.reasons().items()) == [
        ("blocks", "12 blocks behind"),
        ("store", "the database does not answer"),
    ]
    health.set("store", None)
    assert not health.ready
    health.set("blocks", None)
    assert health.ready


def test_what_was_never_wrong_may_be_well() -> None:
    health = Health()
    health.set("store", None)
    assert health.ready


def test_reasons_are_a_copy() -> None:
    health = Health()
    health.set("store", "down")
    before = health.reasons()
    health.set("store", None)
    assert before == {"store": "down"}
