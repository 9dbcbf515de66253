// Chains and nodes of a moment of the past, which the server makes again from what it stored.

import { getJSON } from "./page.js";
import { writeMoment } from "./live_moment.js";

const NODES_MAX = 100000;

export class Past {
  /** `show({moment, chains, genesis, nodes})` is told what there was, `fail(failure)` that it cannot be known now. */
  constructor(show, fail) {
    this.show = show;
    this.fail = fail;
    this.wanted = null;
    this.isReading = false;
  }

  /**
   * Read a moment; `choose(chains)` says whose nodes are wanted. Of several asked for meanwhile only the last one is
   * read: each is work for the server.
   */
  ask(moment, choose) {
    this.wanted = { moment, choose };
    if (!this.isReading) this.read();
  }

  /** Want nothing any more. */
  forget() {
    this.wanted = null;
  }

  async read() {
    this.isReading = true;
    let done = null;
    while (this.wanted !== done) {
      done = this.wanted;
      if (done === null) break;
      try {
        const found = await find(done);
        if (this.wanted === done) this.show(found);
      } catch (failure) {
        if (this.wanted === done) this.fail(failure);
      }
    }
    this.isReading = false;
  }
}

async function find({ moment, choose }) {
  const at = writeMoment(moment);
  const chains = await getJSON("/live/chains", { at });
  const genesis = choose(chains);
  const nodes = genesis === null ? [] : await getJSON(`/live/chains/${encodeURIComponent(genesis)}/nodes`, { at, limit: NODES_MAX });
  return { moment, chains, genesis, nodes };
}
