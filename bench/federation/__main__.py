"""`python -m bench.federation [--quick]`.

Prints the figures; unless they are quick ones, docs/benchmarks.md gets them too.
"""

import argparse

from bench.document import update
from bench.federation import report
from bench.federation.cluster import federation_cluster, solo_cluster
from bench.federation.measure import WARM_UP, SizeFigures, measure, validation_us
from bench.ledger import corpus
from bench.ledger.whole import POSTS_PER_S_MAX, requests

SIZES = (1, 2, 4)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        "python -m bench.federation", description="Federations beside one node on its own."
    )
    parser.add_argument("--quick", action="store_true", help="one short round each; the figures are rough")
    quick = parser.parse_args().quick
    rounds, seconds = (1, 2.0) if quick else (3, 5.0)
    signed = list(corpus.creates("federation", WARM_UP + int(POSTS_PER_S_MAX * seconds * rounds)))
    posts = requests(signed)
    effort = {"rounds": rounds, "seconds": seconds}
    sizes: list[SizeFigures] = [measure("solo", solo_cluster(), posts, **effort)]
    for count in SIZES:
        name = f"{count} node{'s' if count > 1 else ''}"
        sizes.append(measure(name, federation_cluster(count), posts, **effort))
    text = report.text(sizes, validation_us(signed))
    print(text)
    if not quick:
        update("federation", f"## Federation\n\n{text}")


if __name__ == "__main__":
    main()
