// What a visitor chose, kept in this browser; where nothing may be kept, it lasts as long as the page.

const PREFIX = "lamina.live.";

/** What was chosen before, as a list of texts, or `otherwise`. */
export function recall(name, otherwise) {
  try {
    const kept = JSON.parse(localStorage.getItem(PREFIX + name));
    return Array.isArray(kept) && kept.every((each) => typeof each === "string") ? kept : otherwise;
  } catch {
    return otherwise;
  }
}

/** Keep a list of texts. */
export function keep(name, texts) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(texts));
  } catch {
    // Storage is switched off or full: the choice is lost with the page, which is no reason to disturb anybody.
  }
}
