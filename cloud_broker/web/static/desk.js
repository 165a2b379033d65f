// The desk page: the live connection, the call panel, the ticket form with its draft, and the keys of the desk.
"use strict";

(() => {
  const { $, $$, keys, serverNow, shanghai } = window.cloudseat;
  const desk = $("#desk");
  const deskId = desk.dataset.desk;

  // --- the live connection: a banner while it is down, and a retry where hx-sse does not make one ----------

  const SILENT_MS = 25_000; // the server beats every 10 s
  const RETRY_MS = 2_000;
  let connection = null;
  let heardAt = Date.now();

  const setOffline = (offline) => {
    $("#offline").hidden = !offline;
    document.body.classList.toggle("is-offline", offline);
  };

  function heard() {
    heardAt = Date.now();
    setOffline(false);
  }

  desk.addEventListener("htmx:sse:before:connection", (event) => { connection = event.detail.connection; });
  desk.addEventListener("htmx:sse:after:connection", heard);
  desk.addEventListener("htmx:sse:before:message", heard);
  desk.addEventListener("htmx:sse:error", (event) => {
    setOffline(true);
    if (event.detail.status === 401) location.reload();
  });
  desk.addEventListener("htmx:sse:close", () => setOffline(true));
  // hx-sse repeats a connection that was up once; the first one is repeated here, unreachable or refused
  ["htmx:error", "htmx:response:error"].forEach((failure) => desk.addEventListener(failure, (event) => {
    if (event.target !== desk || connection) return;
    setOffline(true);
    setTimeout(() => htmx.ajax("GET", desk.getAttribute("hx-sse:connect"), { source: desk, swap: "none" }), RETRY_MS);
  }));
  setInterval(() => {
    if (Date.now() - heardAt < SILENT_MS) return;
    setOffline(true);
    heardAt = Date.now();
    connection?.reader?.cancel();
  }, 1_000);

  // --- the call and the form ---------------------------------------------------------------------------------

  const callNow = () => $("#call [data-call]");
  const form = () => $("#ticket-form");
  const formCall = () => $("#ticket [data-form-call]")?.dataset.formCall ?? "";
  const baseTitle = document.title;
  let lastCall = callNow()?.dataset.call ?? "";

  const isUntouched = () => {
    const open = form();
    if (!open) return true; // the saved notice
    return !$$("[name=items]:checked", open).length && !$("#note").value.trim();
  };

  let loading = null; // the call whose form is under way

  function loadForm(call, isRefresh = false) {
    if (loading === call) return;
    loading = call;
    sendDraft();
    const path = `/desk/ticket?desk=${encodeURIComponent(deskId)}&call=${encodeURIComponent(call)}`;
    htmx.ajax("GET", path, { target: "#ticket", swap: "innerHTML", isRefresh }).finally(() => {
      loading = null;
      followCall();
    });
  }

  // Who began to write while the same form was fetched anew keeps what they wrote; and so does who is answered by a
  // cloud, or a proxy before it, that cannot.
  document.addEventListener("htmx:before:swap", (event) => {
    const { isRefresh, response } = event.detail.ctx ?? {};
    if ((isRefresh && !isUntouched()) || response?.status >= 500) event.preventDefault();
  });

  // A new call takes the form if nobody is writing in it, or once it is answered; its draft is kept either way.
  function followCall() {
    const pop = callNow();
    const call = pop?.dataset.call ?? "";
    document.title = pop?.dataset.callState === "ringing" ? `☎ ${pop.dataset.title.trim()}` : baseTitle;
    const switcher = $(".switch-call");
    if (switcher) switcher.hidden = !call || call === formCall();
    const answered = pop?.dataset.answered === "1" && pop.dataset.callState === "talking";
    if (!call || call === formCall()) {
      lastCall = call || lastCall;
      if (call && form()) fillCaller(pop);
    } else if (call !== lastCall && (isUntouched() || answered)) {
      lastCall = call;
      loadForm(call);
    }
  }

  // The form of a call is there at the first ring, who is calling a moment later.
  function fillCaller(pop) {
    const { resident, place, call } = pop.dataset;
    const known = form().elements.resident;
    if (!resident || known.value === resident) return;
    if (isUntouched() && !form().contains(document.activeElement)) {
      loadForm(call, true);
    } else {
      known.value = resident;
      form().elements.place.value ||= place;
    }
  }

  function newTicket() {
    loadForm(callNow()?.dataset.call ?? "");
  }

  // --- the draft: kept as typed, on this PC until the cloud has it -------------------------------------------

  const DRAFT_MS = 400;
  let draftTimer = 0;
  let unsent = null; // { call, body }: of the form as it was typed, which may be another one by now

  const draftKey = (call) => `draft:${call}`;
  const readForm = () => {
    const data = new FormData(form());
    return { key: data.get("key"), type: data.get("type"), items: data.getAll("items"), place: data.get("place"), note: data.get("note"), promise: data.get("promise") };
  };

  function draftChanged() {
    const call = formCall();
    localStorage.setItem(draftKey(call), JSON.stringify(readForm()));
    showDraft("saving");
    clearTimeout(draftTimer);
    unsent = { call, body: new FormData(form()) };
    draftTimer = setTimeout(sendDraft, DRAFT_MS);
  }

  async function sendDraft() {
    clearTimeout(draftTimer);
    if (!unsent) return;
    const { call, body } = unsent;
    unsent = null;
    if (!call) return showDraft("unsaved"); // a draft without a call stays on this PC
    const show = (state) => { if (call === formCall()) showDraft(state); };
    try {
      const sent = localStorage.getItem(draftKey(call));
      const answer = await fetch("/desk/draft", { method: "POST", headers: { "X-CSRF-Token": window.cloudseat.token }, body });
      if (!answer.ok) throw new Error(String(answer.status));
      if (localStorage.getItem(draftKey(call)) === sent) localStorage.removeItem(draftKey(call));
      show("saved");
    } catch {
      show("unsaved");
    }
  }

  function showDraft(state) {
    const shown = $("[data-draft-state]");
    if (shown) shown.textContent = shown.dataset[state];
  }

  // What was typed while the cloud could not be reached is newer than its draft.
  function restoreDraft() {
    const kept = localStorage.getItem(draftKey(formCall()));
    if (!kept || !form()) return;
    const draft = JSON.parse(kept);
    for (const [name, value] of Object.entries(draft)) {
      $$(`[name="${name}"]`, form()).forEach((field) => {
        if (field.type === "radio" || field.type === "checkbox") field.checked = [value].flat().includes(field.value);
        else field.value = value ?? "";
      });
    }
    unsent = { call: formCall(), body: new FormData(form()) };
    sendDraft();
  }

  // --- the items: a digit picks the group, the next one ticks the item ---------------------------------------

  const itemType = () => $(".item-type:not([hidden])");

  function openGroup(button) {
    const type = button.closest(".item-type");
    $$("[data-group]", type).forEach((other) => other.setAttribute("aria-expanded", String(other === button)));
    $$("[data-leaves]", type).forEach((leaves) => { leaves.hidden = leaves.dataset.leaves !== button.dataset.group; });
    type.classList.add("in-group");
  }

  function digit(event) {
    const type = form() && itemType();
    if (!type) return false;
    const at = Number(event.key) - 1;
    const leaves = $("[data-leaves]:not([hidden])", type);
    const choices = type.classList.contains("in-group") && leaves ? $$("input", leaves) : $(".item-groups", type).children;
    const choice = choices[at];
    if (!choice) return false;
    if (choice.matches("[data-group]")) openGroup(choice);
    else (choice.matches("input") ? choice : $("input", choice)).click();
  }

  function showPicked() {
    const picked = $("[data-picked]");
    if (!picked) return;
    const names = $$("[name=items]:checked").map((box) => $(".item-name", box.parentElement).textContent);
    picked.replaceChildren(...(names.length ? names.map((name) => {
      const badge = document.createElement("span");
      badge.className = "badge badge-tag";
      badge.textContent = name;
      return badge;
    }) : [picked.dataset.none]));
  }

  function showPromise() {
    const minutes = Number($("[name=promise]:checked")?.value);
    const output = $("[data-promise-clock]");
    if (output && minutes) output.textContent = shanghai.format(serverNow() + minutes * 60_000);
  }

  function nextPromise() {
    const choices = $$("[name=promise]");
    if (!choices.length) return false;
    choices[(choices.findIndex((choice) => choice.checked) + 1) % choices.length].click();
  }

  function chooseType(value) {
    $$(".item-type").forEach((type) => { type.hidden = type.dataset.type !== value; });
    $$(".item-type[hidden] [name=items]:checked").forEach((box) => { box.checked = false; });
  }

  function formArrived() {
    if (document.activeElement === document.body) $("#ticket .saved")?.focus();
    restoreDraft();
    showPicked();
    showPromise();
    followCall();
  }

  // --- calling back: the number, large, to dial on the desk phone --------------------------------------------

  function callBack(row) {
    if (!row?.dataset.dial) return false;
    $("[data-dial-number]").textContent = row.dataset.dial;
    $("#call-back").showModal();
  }

  // --- wiring ------------------------------------------------------------------------------------------------

  document.addEventListener("input", (event) => {
    if (!event.target.closest("#ticket-form")) return;
    if (event.target.name === "type") chooseType(event.target.value);
    showPicked();
    showPromise();
    draftChanged();
  });
  document.addEventListener("click", (event) => {
    const group = event.target.closest("[data-group]");
    if (group) openGroup(group);
    if (event.target.closest("[data-new-ticket]")) newTicket();
    const back = event.target.closest("[data-call-back]");
    if (back) callBack(back.closest("[data-row]"));
  });
  // htmx does the saving; the draft it replaces is done with
  document.addEventListener("htmx:after:swap", (event) => {
    const source = event.detail.ctx?.sourceElement;
    if (source === desk) followCall();
    else formArrived();
  });
  document.addEventListener("htmx:before:request", (event) => {
    if (event.target.id !== "ticket-form") return;
    clearTimeout(draftTimer);
    unsent = null; // what is saved now holds it
  });
  document.addEventListener("htmx:after:request", (event) => {
    const raw = event.detail.ctx.response?.raw;
    if (event.target.id === "ticket-form" && raw?.ok && raw.headers.has("HX-Trigger")) localStorage.removeItem(draftKey(event.target.dataset.formCall));
  });
  ["htmx:error", "htmx:response:error"].forEach((failure) => document.addEventListener(failure, (event) => {
    if (event.detail.ctx?.response?.status < 500) return; // the form says itself what is wrong
    const problem = event.target.id === "ticket-form" && $("[data-form-problem]");
    if (problem) { problem.hidden = false; showDraft("unsaved"); }
  }));

  for (let n = 1; n <= 9; n += 1) keys.set(String(n), digit);
  keys.set("backspace", () => {
    if (!itemType()?.classList.contains("in-group")) return false;
    itemType().classList.remove("in-group");
  });
  keys.set("n", newTicket);
  keys.set("p", nextPromise);
  keys.set("a", () => { const claim = $("[data-claim]"); if (!claim) return false; claim.click(); });
  keys.set("c", () => callBack(document.activeElement.closest("[data-dial]") ?? $("#missed [data-dial]")));
  keys.set("ctrl+enter", () => { if (!form()) return false; form().requestSubmit(); });
  addEventListener("online", () => connection?.reader?.cancel());
  formArrived();
})();
