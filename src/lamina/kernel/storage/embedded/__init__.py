"""An embedded PostgreSQL 18: the wheel's programs under a supervisor of our own.

It never creates users, never changes the mode of a directory it did not make, never listens on TCP, and
never signals a process that is not PostgreSQL on this very cluster.
"""

from lamina.kernel.storage.embedded.cluster import ClusterLocation
from lamina.kernel.storage.embedded.options import EmbeddedOptions
from lamina.kernel.storage.embedded.server import EmbeddedPostgres

__all__ = ["ClusterLocation", "EmbeddedOptions", "EmbeddedPostgres"]
