// The choice of a node, and the line that says what is known of it.

import { attempt, element, getJSON, intakeAddress, say } from "./page.js";
import { isoText, nodeLabel, textOf } from "./said.js";

const MINUTES_MAX = 10080;
const find = (id) => document.getElementById(id);

export class NodeChooser {
  /** Fill the choice; nodes without a peer id cannot be asked for and are left out. */
  async load() {
    say("Loading the nodes…");
    const all = await getJSON("/nodes");
    this.nodes = all.filter((node) => node.peer_id !== null);
    find("node").replaceChildren(...this.nodes.map((node) => element("option", { value: node.peer_id }, nodeLabel(node))));
    const has = this.nodes.length > 0;
    find("node").disabled = find("view").disabled = !has;
    say(has ? "Choose a node and View." : `No node has said who it is yet. Start one with --telemetry-url '${intakeAddress()} 1', then reload this page.`);
  }

  /** The chosen node. */
  get node() {
    return this.nodes.find((node) => node.peer_id === find("node").value);
  }

  /** The minutes to show, as milliseconds. */
  get windowMs() {
    return Math.min(MINUTES_MAX, Math.max(1, Number(find("minutes").value) || 5)) * 60000;
  }
}

/** Name, chain, authority, start, peers and height of a node. */
export class InfoLine {
  constructor(node) {
    const started = node.startup_time === null ? "unknown" : isoText(node.startup_time, "at an impossible time");
    this.values = { peers: element("dd", {}, "–"), height: element("dd", {}, "–") };
    const facts = [
      ["Name", element("dd", {}, textOf(node.name, "unnamed"))],
      ["Chain", element("dd", {}, textOf(node.chain, "unknown"))],
      ["Authority", element("dd", {}, textOf(node.authority, "unknown"))],
      ["Started", element("dd", {}, started)],
      ["Peers", this.values.peers],
      ["Height", this.values.height],
    ];
    find("facts").replaceChildren(...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), value)));
  }

  /** Take what system.interval says; each value may be absent from a message. */
  take(elements) {
    for (const each of elements) {
      for (const [name, place] of Object.entries(this.values)) {
        if (each[name] !== undefined && each[name] !== null) place.textContent = textOf(each[name]);
      }
    }
  }
}

/** Fill the choice of nodes, run `view` on the form and `cancel` on its button. */
export function connectForm(chooser, view, cancel) {
  find("chooser").addEventListener("submit", (event) => {
    event.preventDefault();
    find("cancel").disabled = false;
    attempt(view);
  });
  find("cancel").addEventListener("click", () => {
    cancel();
    find("view").focus();
    find("cancel").disabled = true;
    say("Cancelled. What is shown stays as it is.");
  });
  attempt(() => chooser.load());
}
