// Dead letters: tick rows, decide on all of them one after another, see how far it is, take it back.
"use strict";
{
  const { $, $$, keys, token } = window.cloudseat;
  const form = $("[data-letters]");

  const ticks = () => $$("[data-tick]:not(:disabled)");
  const ticked = () => ticks().filter((tick) => tick.checked).map((tick) => tick.closest("[data-letter]"));

  function show() {
    const count = ticked().length;
    $("[data-ticked]").textContent = count;
    $$("[data-verb]", form).forEach((button) => { button.disabled = !count; });
    $("[data-tick-all]").checked = count > 0 && count === ticks().length;
  }

  async function decide(row, verb, note) {
    const body = new URLSearchParams({ note });
    const headers = { "X-CSRF-Token": token, Accept: "application/json" };
    try {
      const answer = await fetch(`/letters/${row.dataset.letter}/${verb}`, { method: "POST", headers, body });
      const said = await answer.json();
      return { done: answer.ok, text: said.said ?? said.sentence };
    } catch {
      return { done: false, text: form.dataset.unanswered };
    }
  }

  async function decideAll(rows, verb, note) {
    const progress = $("progress", form), result = $("[data-result]", form), undo = $("[data-undo]", form);
    const done = [];
    progress.max = rows.length;
    progress.value = 0;
    progress.hidden = false;
    undo.hidden = true;
    $$("[data-verb]", form).forEach((button) => { button.disabled = true; });
    for (const row of rows) {
      const outcome = await decide(row, verb, note);
      if (outcome.done) done.push(row);
      const tick = $("[data-tick]", row);
      tick.checked = false;
      tick.disabled = outcome.done && verb !== "reopen";
      $("[data-state]", row).textContent = outcome.text;
      row.classList.toggle("row-done", outcome.done && verb !== "reopen");
      progress.value += 1;
      result.textContent = `${progress.value} / ${rows.length}`;
    }
    progress.hidden = true;
    result.textContent = result.dataset.template.replace("{done}", done.length).replace("{failed}", rows.length - done.length);
    undo.hidden = verb !== "set-aside" || !done.length;
    undo.onclick = () => decideAll(done, "reopen", "");
    show();
  }

  if (form) {
    document.addEventListener("change", (event) => {
      if (event.target.matches("[data-tick-all]")) ticks().forEach((tick) => { tick.checked = event.target.checked; });
      show();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    $$("[data-verb]", form).forEach((button) => button.addEventListener("click", () => {
      const note = $("[name=note]", form);
      note.required = button.dataset.verb === "set-aside";
      if (note.reportValidity()) decideAll(ticked(), button.dataset.verb, note.value);
    }));
    keys.set("x", () => {
      const tick = $("[data-tick]:not(:disabled)", document.activeElement.closest("[data-letter]") ?? document.createElement("div"));
      if (!tick) return false;
      tick.checked = !tick.checked;
      show();
    });
    show();
  }
}
