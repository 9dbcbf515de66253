"""What `lamina demo` tells of the scheduler: a process, three messages, and proof of their order."""

import secrets

import httpx

from lamina.cli.narrator import Narrator
from lamina.cli.status import PlatformUnreachable
from lamina.kernel.errors import LaminaError
from lamina.sdk.scheduler import (
    BrokenChain,
    Chain,
    Ed25519Signer,
    Scheduled,
    SchedulerClient,
    SchedulerError,
)

MODULE = "ISShJH1ij-hPPt9St5UFFr_8Ys3Kj5cyg7zrMGt7H9s"
"""Id of the program that the process would run; a scheduler does not run it, nor look at it."""

WORDS = ("Hello", "How are you?", "Goodbye")


class StoryBroken(LaminaError):
    """The scheduler does not do what its story needs."""

    code = "story_broken"
    exit_code = 5

    def default_hint(self) -> str:
        """Name what is missing most often."""
        return "It needs a gateway: run it with the service gateway, or set scheduler.gateway_url"


def tell(url: str, narrator: Narrator) -> None:
    """Tell it of the scheduler at a URL.

    Raises:
        PlatformUnreachable: nothing answers there.
        StoryBroken: the scheduler refuses something, or its order does not prove itself.
    """
    try:
        with SchedulerClient(url) as scheduler:
            _tell(scheduler, url, narrator)
    except httpx.TransportError as failure:
        raise PlatformUnreachable(f"No scheduler answers at {url}") from failure
    except (SchedulerError, BrokenChain) as failure:
        raise StoryBroken(f"The scheduler at {url}: {failure}") from failure


def _tell(scheduler: SchedulerClient, url: str, narrator: Narrator) -> None:
    narrator.chapter("Scheduler: Alice spawns a process, sends it three messages, and checks their order")
    alice, unit = Ed25519Signer.from_seed(secrets.token_bytes(32)), scheduler.unit()
    narrator.say(f"The unit signs with the wallet {unit['address']}")
    process_id = scheduler.spawn(alice, MODULE, tags=[("Name", "demo")], data="print('hello')")
    narrator.say(f"Spawned at height {int(scheduler.process(process_id)['block'])} of the network:")
    narrator.say(f"  {url}/processes/{process_id}")
    for word in WORDS:
        scheduler.message(alice, process_id, tags=[("Action", "Say")], data=word)
    narrator.say("200 for each message: it is durable, and its place will never change.")
    chain = Chain(process_id, address=unit["address"])
    for scheduled in scheduler.messages(process_id):
        narrator.say(_line(chain.follow(scheduled)))
    narrator.say("Proved: no nonce is missing, each link is the hash of all before it, the unit signed each.")
    narrator.say(f"{url}/{process_id}")
    narrator.say(f"Try it yourself: {url}/lamina/docs")


def _line(scheduled: Scheduled) -> str:
    tags = {tag["name"]: tag["value"] for tag in scheduled["assignment"]["tags"]}
    message = scheduled["message"]
    said = "" if message is None else message["data"]
    return f"nonce {tags['Nonce']}  link {tags['Hash-Chain'][:8]}…  {said}"
