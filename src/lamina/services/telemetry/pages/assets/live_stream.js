// The event stream of one chain: what there is, then what changes; a lost one comes back by itself.

import { openEvents, say } from "./page.js";

const RETRY_MS = 5000;

export class LiveStream {
  /** `hear` has a function for each event's name; `begin()` is called when all there is is about to be told anew. */
  constructor(hear, begin) {
    this.hear = hear;
    this.begin = begin;
    this.events = null;
  }

  get isOpen() {
    return this.events?.readyState === EventSource.OPEN;
  }

  /** Follow a chain instead of what was followed. */
  follow(genesis) {
    this.leave();
    const events = openEvents("/live/stream", { chain: genesis });
    this.events = events;
    say("Connecting to the live stream…");
    // A stream begins with all there is: what left while it was interrupted is not told.
    events.addEventListener("open", () => { if (this.events === events) this.begin(); });
    events.addEventListener("error", () => { if (this.events === events) this.lose(genesis); });
    for (const [name, act] of Object.entries(this.hear)) {
      events.addEventListener(name, (event) => { if (this.events === events) act(JSON.parse(event.data)); });
    }
  }

  /** Follow nothing. */
  leave() {
    this.events?.close();
    this.events = null;
  }

  lose(genesis) {
    const events = this.events;
    if (events.readyState !== EventSource.CLOSED) {
      say("The live stream broke off; connecting again. What is shown may be old.", true);
      return;
    }
    say(`The server refuses the live stream (too many readers?); trying again in ${RETRY_MS / 1000} s.`, true);
    setTimeout(() => { if (this.events === events) this.follow(genesis); }, RETRY_MS);
  }
}
