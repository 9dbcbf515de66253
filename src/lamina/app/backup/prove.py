"""Prove a restored database: what it has had, where every service stands, and each service's own verifier."""

from dataclasses import dataclass, field

from lamina.app import registry
from lamina.app.backup.history import known_steps
from lamina.app.backup.watcher import Watcher
from lamina.kernel.contracts import Position, Verdict
from lamina.kernel.storage import migrate
from lamina.kernel.storage.backup.manifest import Manifest
from lamina.kernel.storage.database import Connection, Database


@dataclass(slots=True)
class Proof:
    """What was found.

    Attributes:
        differences: where the database is not what the manifest says.
        verdicts: what each service says of its data.
    """

    differences: list[str] = field(default_factory=list[str])
    verdicts: dict[str, Verdict] = field(default_factory=dict[str, Verdict])

    @property
    def holds(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.differences and not any(each.flaw_count for each in self.verdicts.values())

    def sentences(self) -> list[str]:
        """Everything that is wrong, as far as it was kept."""
        flaws = [f"{name}: {flaw}" for name, verdict in self.verdicts.items() for flaw in verdict.flaws]
        return [*self.differences, *flaws]


async def prove(database: Database, manifest: Manifest, watcher: Watcher) -> Proof:
    """Compare a restored database with its manifest, bring it up to date, and let every service verify it.

    Raises:
        SchemaNewer, MigrationEdited: this build cannot know what is right.
        DatabaseUnavailable: the database went away.
    """
    proof = Proof()
    steps = known_steps(manifest.migrations)
    async with database.transaction("lamina.read_history") as cx:
        if await migrate.history(cx) != manifest.migrations:
            proof.differences.append("the migrations of the database are not those of the manifest")
            return proof
    await migrate.migrate(database, steps)
    async with database.transaction("lamina.read_positions") as cx:
        for name in manifest.migrations:
            proof.differences += await _compare(cx, name, manifest.positions.get(name, {}))
    for name in manifest.migrations:
        watcher.begin("verify", f"Verifying {name}")
        proof.verdicts[name] = await registry.load(name).verify(database, watcher.advance)
    return proof


async def _compare(cx: Connection, name: str, expected: Position) -> list[str]:
    """A newer build may say more of a position; what the manifest says must be the same."""
    found = await registry.load(name).position(cx)
    return [
        f"{name}: {key} is {found.get(key)}, the manifest says {value}"
        for key, value in expected.items()
        if found.get(key) != value
    ]
