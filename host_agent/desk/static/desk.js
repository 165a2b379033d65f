// The desk's own page: what the agent shows live, the draft as it is typed, the player, the way back to the console.
"use strict";

(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const formToken = $("meta[name=form-token]").content;
  const consoleUrl = $("meta[name=console]").content;
  const offsetMs = Number($("meta[name=now-ms]").content) - Date.now();
  const baseTitle = document.title;

  // --- time -------------------------------------------------------------------------------------------------

  const shanghai = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit" });

  function tick() {
    const now = Date.now() + offsetMs;
    $("[data-clock]").textContent = shanghai.format(now);
    $$("[data-since]").forEach((element) => {
      const seconds = Math.max(0, Math.floor((now - Number(element.dataset.since)) / 1000));
      element.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    });
  }

  // --- what the agent shows: fragments by server-sent events ------------------------------------------------

  function show(parts) {
    for (const [id, html] of Object.entries(parts)) {
      const place = document.getElementById(id);
      const focused = place.contains(document.activeElement) ? document.activeElement.dataset.id : null;
      place.innerHTML = html;
      if (focused) $(`[data-id="${CSS.escape(focused)}"]`, place)?.focus();
    }
    if ("calls" in parts) dropDoubles();
    tick();
    followCall();
    mayReturn();
  }

  function dropDoubles() {
    const fresh = new Set($$("#calls [data-id]").map((row) => row.dataset.id));
    $$("#older [data-id]").forEach((row) => { if (fresh.has(row.dataset.id)) row.remove(); });
  }

  function listen() {
    const stream = new EventSource("/stream"); // it connects again by itself
    stream.onmessage = (event) => show(JSON.parse(event.data));
    stream.onopen = () => { if (isUnsaved && form()) typed(); };
    stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2000); };
  }

  async function send(path, body) {
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": formToken };
    return fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  // --- the form follows the call, but never from under the fingers -------------------------------------------

  const callNow = () => $("#call [data-call]");
  const form = () => $("#draft");
  const formCall = () => $("#ticket [data-call]")?.dataset.call ?? "";
  const isWriting = () => Boolean(form()) && ($$("[name=items]:checked", form()).length > 0 || $("#note").value.trim() !== "");
  let lastCall = callNow()?.dataset.call ?? "";
  let loading = null;

  async function loadForm(call, arrived = () => {}) {
    if (loading === call) return;
    loading = call;
    try {
      const answer = await fetch(`/form?call=${encodeURIComponent(call)}`);
      if (answer.ok) {
        $("#ticket").innerHTML = await answer.text();
        arrived();
      }
    } finally {
      loading = null;
      followCall();
    }
  }

  function followCall() {
    const pop = callNow();
    const call = pop?.dataset.call ?? "";
    document.title = pop?.dataset.state === "ringing" ? `☎ ${pop.dataset.title.trim()}` : baseTitle;
    const switcher = $(".switch-call");
    if (switcher) switcher.hidden = !call || call === formCall();
    if (!call || call === formCall()) {
      lastCall = call || lastCall;
      if (call && form() && !$("#place").value) $("#place").value = pop.dataset.place;
    } else if (loading === null && call !== lastCall && (!isWriting() || (pop.dataset.answered === "1" && pop.dataset.state === "talking"))) {
      lastCall = call;
      loadForm(call);
    }
  }

  // --- the draft: kept by the agent as it is typed -----------------------------------------------------------

  const DRAFT_MS = 400;
  let draftTimer = 0;
  let isUnsaved = false;

  function readForm() {
    const data = new FormData(form());
    const fields = { kind: data.get("kind"), items: data.getAll("items"), place: data.get("place"), note: data.get("note"), promise_minutes: Number(data.get("promise")) };
    return { draft: form().dataset.draft, call: form().dataset.call, fields };
  }

  function showDraft(state) {
    const shown = $("[data-draft-state]");
    if (shown) shown.textContent = shown.dataset[state];
  }

  function typed() {
    showDraft("saving");
    clearTimeout(draftTimer);
    const draft = readForm();
    draftTimer = setTimeout(async () => {
      try {
        const answer = await send("/draft", draft);
        isUnsaved = !answer.ok;
      } catch {
        isUnsaved = true; // tried again as soon as the agent answers
      }
      showDraft(isUnsaved ? "unsaved" : "saved");
    }, DRAFT_MS);
  }

  async function finish() {
    clearTimeout(draftTimer);
    const draft = readForm();
    $("[data-empty]").hidden = isWriting();
    $(".problem[data-unsaved]").hidden = true;
    if (!isWriting()) return;
    try {
      const answer = await send("/finish", draft);
      if (!answer.ok) throw new Error(String(answer.status));
      if (draft.call) sessionStorage.setItem("drafted", [sessionStorage.getItem("drafted"), draft.call].filter(Boolean).join(","));
      $("#ticket").innerHTML = await answer.text();
      $("#ticket .saved").focus();
      mayReturn();
    } catch {
      $(".problem[data-unsaved]").hidden = false;
    }
  }

  // What was being typed at the console when the cloud went away came along in the address, with its call: another may
  // be ringing by now.
  function takeOver() {
    if (!location.hash.startsWith("#draft=")) return;
    try {
      const { call, fields } = JSON.parse(decodeURIComponent(location.hash.slice(7)));
      if (form() && call === formCall()) fill(fields);
      else loadForm(call, () => fill(fields));
    } finally {
      history.replaceState(null, "", "/");
    }
  }

  function fill(fields) {
    if (!form() || isWriting()) return;
    for (const [name, value] of Object.entries(fields)) {
      $$(`[name="${CSS.escape(name)}"]`, form()).forEach((field) => {
        if (field.type === "radio" || field.type === "checkbox") field.checked = [value].flat().includes(field.value);
        else field.value = value ?? "";
      });
    }
    chooseKind($("[name=kind]:checked")?.value);
    typed();
  }

  // --- items ------------------------------------------------------------------------------------------------

  const itemKind = () => $(".item-kind:not([hidden])");

  function openGroup(button) {
    const kind = button.closest(".item-kind");
    $$("[data-group]", kind).forEach((other) => other.setAttribute("aria-expanded", String(other === button)));
    $$("[data-leaves]", kind).forEach((leaves) => { leaves.hidden = leaves.dataset.leaves !== button.dataset.group; });
    kind.classList.add("in-group");
  }

  function digit(key) {
    const kind = itemKind();
    if (!kind) return false;
    const leaves = $("[data-leaves]:not([hidden])", kind);
    const choice = (kind.classList.contains("in-group") && leaves ? $$("input", leaves) : [...$(".item-groups", kind).children])[Number(key) - 1];
    if (!choice) return false;
    if (choice.matches("[data-group]")) openGroup(choice);
    else (choice.matches("input") ? choice : $("input", choice)).click();
    return true;
  }

  function chooseKind(value) {
    if (!value) return;
    $$(".item-kind").forEach((kind) => { kind.hidden = kind.dataset.kind !== value; });
    $$(".item-kind[hidden] [name=items]:checked").forEach((box) => { box.checked = false; });
  }

  function nextPromise() {
    const choices = $$("[name=promise]");
    choices[(choices.findIndex((choice) => choice.checked) + 1) % choices.length]?.click();
  }

  // --- calls and their recordings -----------------------------------------------------------------------------

  const audio = $("#player audio");

  // The bar above the browser's own controls: what of the recording is missing, and how far it is played.
  function drawGaps(gaps) {
    const bar = $(".player-gaps");
    bar.hidden = gaps.length === 0;
    bar.replaceChildren(...gaps.map(([first, share]) => {
      const gap = document.createElement("span");
      gap.style.left = `${first * 100}%`;
      gap.style.width = `${share * 100}%`;
      return gap;
    }));
  }

  function showPlayed() {
    $(".player-gaps").style.setProperty("--played", `${(audio.currentTime / audio.duration || 0) * 100}%`);
  }

  async function play(row) {
    const call = row?.dataset.play;
    if (!call) return;
    $("#player").hidden = false;
    $("[data-player-problem]").hidden = true;
    drawGaps(JSON.parse(row.dataset.gaps));
    $("[data-playing]").textContent = `${$(".number", row).textContent} ${$(".when", row).textContent}`;
    try {
      const answer = await send("/play", { call });
      if (!answer.ok) throw new Error(String(answer.status));
      audio.src = (await answer.json()).url;
      await audio.play();
    } catch (error) {
      if (error.name !== "AbortError" && error.name !== "NotAllowedError") $("[data-player-problem]").hidden = false;
    }
  }

  async function showOlder(button) {
    const last = $$("#calls [data-at], #older [data-at]").at(-1);
    const answer = await fetch(`/calls?before=${encodeURIComponent(last?.dataset.at ?? "")}`);
    if (!answer.ok) return;
    const holder = document.createElement("ul");
    holder.innerHTML = await answer.text();
    const rows = $$("[data-row]", holder);
    $("#older").append(...rows);
    button.hidden = rows.length === 0;
  }

  function moveRow(step) {
    const rows = $$("[data-row]");
    const next = rows[rows.indexOf(document.activeElement.closest("[data-row]")) + step] ?? rows[0];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  // --- the way back -----------------------------------------------------------------------------------------

  // The agent says when the cloud is there for good; this browser must reach it too, or it would be stranded.
  let isLeaving = false;

  const isDue = () => $("#banner [data-may-return]")?.dataset.mayReturn === "1";
  const isHeld = () => isWriting() || callNow()?.dataset.state === "ringing" || !audio.paused;

  function mayReturn() {
    const holding = $("[data-holding]");
    if (holding) holding.hidden = !isWriting();
    if (isDue() && !isHeld() && !isLeaving) leave();
  }

  async function leave() {
    isLeaving = true;
    try {
      await fetch(`${consoleUrl}/healthz`, { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(3000) });
      if (isHeld()) isLeaving = false; // somebody began to write meanwhile
      else goBack();
    } catch {
      setTimeout(() => { isLeaving = false; mayReturn(); }, 2000);
    }
  }

  // The console is told which drafts became tickets here, so that it does not offer them again.
  function goBack() {
    const drafted = sessionStorage.getItem("drafted");
    sessionStorage.removeItem("drafted");
    location.href = `${consoleUrl}/desk${drafted ? `#drafted=${drafted}` : ""}`;
  }

  // --- wiring -----------------------------------------------------------------------------------------------

  const isText = (element) => element.matches("textarea, input:not([type=radio], [type=checkbox])");
  const keys = { j: () => moveRow(1), k: () => moveRow(-1), n: () => loadForm(callNow()?.dataset.call ?? ""), p: nextPromise };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      event.preventDefault();
      form()?.requestSubmit();
    } else if (event.ctrlKey || event.metaKey) {
      return;
    } else if (event.key === "Escape" && isText(document.activeElement)) {
      document.activeElement.blur();
    } else if (!isText(event.target)) {
      if (event.key === "Enter" && event.target.matches("[data-row]")) play(event.target);
      else if (event.key === "Backspace") itemKind()?.classList.remove("in-group");
      else if (/^[1-9]$/.test(event.key) && digit(event.key)) event.preventDefault();
      else keys[event.key.toLowerCase()]?.();
    }
  });
  document.addEventListener("input", (event) => {
    if (!event.target.closest("#draft")) return;
    if (event.target.name === "kind") chooseKind(event.target.value);
    typed();
    mayReturn();
  });
  document.addEventListener("submit", (event) => { event.preventDefault(); finish(); });
  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest(selector);
    if (at("[data-group]")) openGroup(at("[data-group]"));
    if (at("[data-return]")) { event.preventDefault(); goBack(); }
    if (at("[data-new]")) loadForm(callNow()?.dataset.call ?? "");
    if (at("[data-older]")) showOlder(at("[data-older]"));
    if (at("[data-row] .row-end")) play(at("[data-row]"));
    if (at("[data-close-player]")) { audio.pause(); $("#player").hidden = true; mayReturn(); }
  });
  audio.addEventListener("error", () => { $("[data-player-problem]").hidden = !audio.src; });
  audio.addEventListener("pause", mayReturn);
  audio.addEventListener("timeupdate", showPlayed);
  setInterval(tick, 500);
  tick();
  takeOver();
  followCall();
  listen();
})();
