"""What must hold of the places of new processes, whatever units and spawns there are (spec/scheduler.md 17.3)."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.services.scheduler.model.unit import KnownUnit
from lamina.services.scheduler.model.unplaced import Unplaced
from lamina.services.scheduler.rules.placement import choose

many = settings(max_examples=300, deadline=None, database=None)

OWNERS = ("a", "b", "c")


@st.composite
def unit_lists(draw: st.DrawFn) -> list[KnownUnit]:
    return [
        KnownUnit(
            row_id,
            f"http://su{row_id}",
            draw(st.integers(0, 5)),
            draw(st.booleans()),
            frozenset(draw(st.sets(st.sampled_from(OWNERS), max_size=2))),
            draw(st.booleans()),
        )
        for row_id in range(1, 1 + draw(st.integers(0, 5)))
    ]


spawn_lists = st.lists(
    st.builds(Unplaced, st.binary(min_size=2, max_size=2), st.sampled_from(OWNERS)),
    unique_by=lambda spawn: spawn.process_id,
)
downs = st.sets(st.integers(1, 5).map("http://su{}".format))


@many
@given(unit_lists(), spawn_lists, downs)
def test_rules_of_a_place(units: list[KnownUnit], spawns: list[Unplaced], down: set[str]) -> None:
    placed = choose(units, spawns, down)
    for spawn in spawns:
        own = [unit for unit in units if spawn.owner in unit.wallets and not unit.no_route]
        shared = [unit for unit in units if not unit.wallets_only and not unit.no_route]
        allowed = own or shared
        unit = placed.get(spawn.process_id)
        assert (unit is None) == (not allowed)
        if unit is not None:
            assert unit in allowed
            up = [each for each in allowed if each.url not in down]
            assert unit in up or not up
            assert not own or unit == (up or own)[0]


@many
@given(unit_lists(), spawn_lists, downs)
def test_one_after_the_other_is_all_at_once(
    units: list[KnownUnit], spawns: list[Unplaced], down: set[str]
) -> None:
    counts = {unit.row_id: unit.process_count for unit in units}
    singly: dict[bytes, int] = {}
    for spawn in spawns:
        now = [
            KnownUnit(u.row_id, u.url, counts[u.row_id], u.no_route, u.wallets, u.wallets_only) for u in units
        ]
        for process_id, unit in choose(now, [spawn], down).items():
            counts[unit.row_id] += 1
            singly[process_id] = unit.row_id
    assert {each: unit.row_id for each, unit in choose(units, spawns, down).items()} == singly


@many
@given(st.integers(1, 5), st.integers(0, 200))
def test_units_that_are_alike_differ_by_one_at_most(unit_count: int, spawn_count: int) -> None:
    units = [KnownUnit(n, f"http://su{n}", 0, False, frozenset(), False) for n in range(unit_count)]
    spawns = [Unplaced(n.to_bytes(2, "big"), "a") for n in range(spawn_count)]
    counts = Counter(unit.row_id for unit in choose(units, spawns, set()).values())
    assert counts.total() == spawn_count
    assert max(counts.values(), default=0) - min((counts[n] for n in range(unit_count)), default=0) <= 1
