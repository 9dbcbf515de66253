"""Whether this build knows everything that a database has had."""

from collections.abc import Mapping, Sequence

from lamina.app import registry
from lamina.kernel.storage import migrate
from lamina.kernel.storage.migrate import Applied, Migration, MigrationEdited, SchemaNewer


def known_steps(applied: Mapping[str, Sequence[Applied]]) -> list[Migration]:
    """All steps this build has for the services of a database.

    Args:
        applied: what the database has had, by service.

    Raises:
        SchemaNewer: it has had a step, or holds a service, that this build does not know.
        MigrationEdited: a step had another text.
    """
    steps: list[Migration] = []
    for service, had in applied.items():
        if service not in registry.names():
            raise SchemaNewer(f"The service {service} is not part of this Lamina", service=service)
        own = migrate.load(service, registry.load(service).MIGRATIONS)
        digests = {step.number: step.digest for step in own}
        for each in had:
            if each.number not in digests:
                raise SchemaNewer(service=service, migration=each.name)
            if each.digest != digests[each.number]:
                raise MigrationEdited(f"Migration {each.name} of {service} was edited after it ran.")
        steps += own
    return steps
