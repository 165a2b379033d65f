// The way to the page that this PC's own agent serves, for the hours without the cloud; its page knows the way back.
//
//   there --connection lost--> lost --AWAY_PINGS pings in vain, and the agent greets--> the agent's page
//   lost --connection stands again--> there
//
// Only a page of this desk's own agent is opened: its greeting names it, and the cloud gave us the key of each agent of
// this desk. A greeting needs no key and holds none. Who is writing is not moved: a button offers it.
"use strict";

(() => {
  const { $ } = window.cloudseat;
  const { port, keys } = JSON.parse($("#desk").dataset.ownPage);
  const origin = `http://127.0.0.1:${port}`; // loopback counts as trustworthy: no mixed content from https
  const PING_MS = 1_500;
  const PATIENCE_MS = 3_000;
  const AWAY_PINGS = 2;
  const STILL_MS = 5_000; // after the last key nobody is writing any more
  let failures = 0;
  let isAsking = false;
  let typedAt = 0;

  async function greet() {
    if (!port) return null;
    try {
      const answer = await fetch(`${origin}/hello`, { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(PATIENCE_MS) });
      const own = await answer.json();
      return own.open && keys[own.agent] ? own : null;
    } catch {
      return null; // no agent on this PC, or the browser may not ask it
    }
  }

  async function isCloudThere() {
    try {
      return (await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) })).ok;
    } catch {
      return false;
    }
  }

  // What was typed so far comes along, behind the #, where no server sees it.
  function readDraft() {
    const form = $("#ticket-form");
    if (!form) return "";
    const data = new FormData(form);
    const fields = { kind: data.get("type"), items: data.getAll("items"), place: data.get("place"), note: data.get("note"), promise: data.get("promise") };
    if (!fields.items.length && !fields.note.trim()) return "";
    return `#draft=${encodeURIComponent(JSON.stringify({ call: form.dataset.formCall, fields }))}`;
  }

  function addressOf(own) {
    const root = document.documentElement;
    const choices = new URLSearchParams({ key: keys[own.agent], language: root.lang, theme: root.dataset.themeChoice });
    return `${origin}/?${choices}${readDraft()}`;
  }

  function offer(own) {
    const [saved, go] = [$("[data-offline-saved]"), $("[data-go-local]")];
    saved.hidden = go.hidden = !own;
    $("[data-offline-text]").hidden = Boolean(own);
    if (!own) return;
    saved.dataset.words ??= saved.textContent;
    saved.textContent = saved.dataset.words.replace("{n}", own.waiting);
    go.onclick = () => { location.href = addressOf(own); };
  }

  const isWriting = () => Boolean(document.activeElement.closest("#ticket-form, .quick-save")) && Date.now() - typedAt < STILL_MS;

  async function watch() {
    if (isAsking) return;
    if (!document.body.classList.contains("is-offline")) {
      failures = 0;
      return;
    }
    isAsking = true;
    try {
      failures = (await isCloudThere()) ? 0 : failures + 1;
      const own = failures ? await greet() : null;
      offer(own);
      if (own && failures >= AWAY_PINGS && !isWriting()) location.href = addressOf(own);
    } finally {
      isAsking = false;
    }
  }

  // Drafts that were finished at the agent's page are done with here, before desk.js looks for them.
  function forgetDrafted() {
    if (!location.hash.startsWith("#drafted=")) return;
    for (const call of decodeURIComponent(location.hash.slice(9)).split(",")) localStorage.removeItem(`draft:${call}`);
    history.replaceState(null, "", location.pathname + location.search);
  }

  forgetDrafted();
  document.addEventListener("input", () => { typedAt = Date.now(); });
  setInterval(watch, PING_MS);
  greet(); // a browser that asks its user whether this site may reach this PC asks now, and not in the middle of a call
})();
