"""Which unit a new process goes to (spec/scheduler.md 17.3)."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from lamina.services.scheduler.model.unit import KnownUnit
from lamina.services.scheduler.model.unplaced import Unplaced


def choose(
    units: Sequence[KnownUnit], spawns: Sequence[Unplaced], down: AbstractSet[str]
) -> Mapping[bytes, KnownUnit]:
    """A unit for each spawn, as if they came one after the other.

    Args:
        units: all that are known, in the order of their rows.
        spawns: each process once.
        down: urls of units that did not answer when they were looked at last: they are taken only where
            there is no other choice, for the look may be wrong.

    Returns:
        Units by process id; a spawn that no unit may have is missing.
    """
    counts = {unit.row_id: unit.process_count for unit in units}
    chosen: dict[bytes, KnownUnit] = {}
    for spawn in spawns:
        unit = _choose(units, spawn.owner, counts, down)
        if unit is not None:
            counts[unit.row_id] += 1
            chosen[spawn.process_id] = unit
    return chosen


def _choose(
    units: Sequence[KnownUnit], owner: str, counts: Mapping[int, int], down: AbstractSet[str]
) -> KnownUnit | None:
    """The first unit that names the owner; else the one with the fewest processes."""
    routed = [unit for unit in units if not unit.no_route]
    own = [unit for unit in routed if owner in unit.wallets]
    if own:
        return next((unit for unit in own if unit.url not in down), own[0])
    shared = [unit for unit in routed if not unit.wallets_only]
    up = [unit for unit in shared if unit.url not in down]
    return min(up or shared, key=lambda unit: counts[unit.row_id], default=None)
