"""What the requests of one unit go through."""

from dataclasses import dataclass

from lamina.kernel.storage.database import Database
from lamina.services.scheduler.api.admission import Admission
from lamina.services.scheduler.api.tenancy import Tenancy
from lamina.services.scheduler.peers.gateway import Gateway
from lamina.services.scheduler.peers.network import Network
from lamina.services.scheduler.peers.placement import Placement
from lamina.services.scheduler.sequencer.sequencer import Sequencer
from lamina.services.scheduler.sequencer.signer import Signer
from lamina.services.scheduler.settings import SchedulerSettings


@dataclass(frozen=True, slots=True)
class Unit:
    """What a write goes through."""

    database: Database
    settings: SchedulerSettings
    sequencer: Sequencer
    signer: Signer
    gateway: Gateway
    network: Network
    admission: Admission
    tenancy: Tenancy
    placement: Placement
