// One player for the whole page; it opens in the slot of the recording whose play button was pressed.
"use strict";

(() => {
  const { $, $$, minutesAndSeconds, token } = window.cloudseat;
  const SPEEDS = [1, 1.25, 1.5, 2];
  let player = null; // { root, audio, call }

  function open(button) {
    close();
    const slot = $(`[data-player-slot="${CSS.escape(button.dataset.play)}"]`);
    if (!slot) return;
    slot.append($("#player-template").content.cloneNode(true));
    const root = $("[data-player]", slot);
    const audio = $("audio", root);
    player = { root, audio, call: button.dataset.play, seconds: Number(button.dataset.seconds) };
    $("[data-length]", root).textContent = minutesAndSeconds(player.seconds);
    drawGaps(root, JSON.parse(button.dataset.gaps));
    audio.addEventListener("timeupdate", show);
    audio.addEventListener("play", show);
    audio.addEventListener("pause", show);
    audio.addEventListener("error", fail);
    $("input", root).addEventListener("input", (event) => { audio.currentTime = (event.target.value / 1000) * length(); });
    $(".player-toggle", root).addEventListener("click", toggle);
    $(".player-speed", root).addEventListener("click", faster);
    load();
  }

  async function load() {
    const { audio, call, root } = player;
    $(".player-error", root).hidden = true;
    try {
      const answer = await fetch(`/calls/${encodeURIComponent(call)}/play`, { method: "POST", headers: { "X-CSRF-Token": token } });
      const body = await answer.json();
      if (!answer.ok) throw new Error(body.sentence);
      audio.src = body.url;
      await audio.play();
    } catch (error) {
      if (error.name !== "AbortError") fail(error);
    }
  }

  function fail(error) {
    const shown = player && $(".player-error", player.root);
    if (!shown) return;
    if (error instanceof Error && error.message && error.name === "Error") shown.textContent = error.message;
    shown.hidden = false;
  }

  function toggle() {
    if (!player.audio.src || player.audio.error) load();
    else if (player.audio.paused) player.audio.play();
    else player.audio.pause();
  }

  function faster(event) {
    const next = SPEEDS[(SPEEDS.indexOf(player.audio.playbackRate) + 1) % SPEEDS.length];
    player.audio.playbackRate = next;
    event.currentTarget.textContent = `${next}×`;
  }

  const length = () => (Number.isFinite(player.audio.duration) ? player.audio.duration : player.seconds) || 1;

  function drawGaps(root, gaps) {
    $(".player-gaps", root).replaceChildren(...gaps.map(([left, width]) => {
      const gap = document.createElement("span");
      gap.style.left = `${left}%`;
      gap.style.width = `${width}%`;
      return gap;
    }));
  }

  function show() {
    if (!player) return;
    const { root, audio } = player;
    $("[data-at]", root).textContent = minutesAndSeconds(audio.currentTime);
    $("input", root).value = String(Math.round((audio.currentTime / length()) * 1000));
    root.classList.toggle("player-playing", !audio.paused);
    mark();
  }

  function mark() {
    $$("[data-play]").forEach((button) =>
      button.setAttribute("aria-pressed", String(Boolean(player) && button.dataset.play === player.call && !player.audio.paused)));
  }

  function close() {
    player?.audio.pause();
    player?.root.remove();
    player = null;
    mark();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-play]");
    if (!button) return;
    if (player?.call === button.dataset.play && player.root.isConnected) toggle();
    else open(button);
  });

  document.addEventListener("htmx:after:swap", () => {
    if (player && !player.root.isConnected) close();
    else mark();
  });
})();
