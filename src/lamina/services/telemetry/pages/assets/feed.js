// A subscription to messages of chosen nodes over /feed; a lost connection comes back where it was.

import { openSocket, say } from "./page.js";
import { milliseconds, utcText } from "./said.js";

const RETRY_MS = 3000;

export class Feed {
  /** `receive(peer, msg, elements)` is told of every update. */
  constructor(receive) {
    this.receive = receive;
    this.wanted = new Map();
    this.isOpen = true;
    this.connect();
  }

  /** Ask for a pair's messages from a moment on; `more` are fields of the command. */
  subscribe(peer, msg, sinceMs, more = {}) {
    const command = { peer_id: peer, msg, interest: "subscribe", start_time: utcText(sinceMs), ...more };
    this.wanted.set(`${peer} ${msg}`, command);
    this.send(command);
  }

  /** Leave everything and close. */
  close() {
    this.isOpen = false;
    for (const { peer_id, msg } of this.wanted.values()) {
      this.send({ peer_id, msg, interest: "unsubscribe", start_time: "" });
    }
    this.socket.close();
  }

  send(command) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(command));
  }

  connect() {
    this.socket = openSocket("/feed");
    this.socket.addEventListener("open", () => {
      say("Connected; waiting for the node's messages…");
      for (const command of this.wanted.values()) this.send(command);
    });
    this.socket.addEventListener("message", (event) => this.take(event.data));
    this.socket.addEventListener("close", () => {
      if (!this.isOpen) return;
      say(`The connection is lost, or the server refuses it; trying again every ${RETRY_MS / 1000} s…`, true);
      setTimeout(() => { if (this.isOpen) this.connect(); }, RETRY_MS);
    });
  }

  take(text) {
    const update = JSON.parse(text);
    if (update.error) {
      say(update.error, true);
      return;
    }
    const { peer_id, msg } = update.peer_message;
    const command = this.wanted.get(`${peer_id} ${msg}`);
    if (!command || update.data.length === 0) return;
    if (!command.aggregate_type) command.start_time = latest(update.data) ?? command.start_time;
    this.receive(peer_id, msg, update.data);
  }
}

/** The newest time told that is not to come yet: a node whose clock is far ahead must not hide what comes after it. */
function latest(elements) {
  const now = Date.now();
  return elements.map((each) => each.created_at).findLast((text) => milliseconds(text) <= now);
}
