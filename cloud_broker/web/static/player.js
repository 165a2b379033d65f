// One player for the whole page; it opens in the slot of the recording whose play button was pressed.
"use strict";

(() => {
  const { $, $$, minutesAndSeconds, token } = window.cloudseat;
  const SPEEDS = [1, 1.25, 1.5, 2];
  const LONGEST_WAVEFORM_S = 1800; // decoded at 8 kHz, half an hour takes 58 MB
  const BAR_PX = 3;
  let player = null; // { root, audio, call, seconds, waveform }

  function open(button) {
    close();
    const slot = $(`[data-player-slot="${CSS.escape(button.dataset.play)}"]`);
    if (!slot) return;
    slot.append($("#player-template").content.cloneNode(true));
    const root = $("[data-player]", slot);
    const audio = $("audio", root);
    const seconds = Number(button.dataset.seconds);
    const waveform = "waveform" in slot.dataset && seconds <= LONGEST_WAVEFORM_S ? addWaveform(root) : null;
    player = { root, audio, call: button.dataset.play, seconds, waveform };
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
    const loaded = player;
    const { audio, call, root, waveform } = loaded;
    $(".player-error", root).hidden = true;
    try {
      const answer = await fetch(`/calls/${encodeURIComponent(call)}/play`, { method: "POST", headers: { "X-CSRF-Token": token } });
      const body = await answer.json();
      if (player !== loaded) return; // another one was opened meanwhile
      if (!answer.ok) throw new Error(body.sentence);
      audio.src = body.url;
      if (waveform) drawWaveform(waveform, body.url);
      await audio.play();
    } catch (error) {
      if (error.name !== "AbortError" && player === loaded) fail(error);
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

  // --- the waveform of the call page: loudness by time, in the colours of the page ---------------------------

  function addWaveform(root) {
    const canvas = document.createElement("canvas");
    canvas.className = "waveform";
    canvas.setAttribute("aria-hidden", "true");
    root.prepend(canvas);
    return canvas;
  }

  async function drawWaveform(canvas, url) {
    try {
      const encoded = await (await fetch(url)).arrayBuffer();
      const sound = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(encoded);
      drawBars(canvas, loudness(sound.getChannelData(0), Math.floor(canvas.clientWidth / BAR_PX)));
    } catch {
      canvas.remove(); // the player works without its picture
    }
  }

  function loudness(samples, bars) {
    const size = Math.max(1, Math.floor(samples.length / bars));
    return Array.from({ length: bars }, (_, bar) => {
      let peak = 0;
      for (let at = bar * size; at < Math.min((bar + 1) * size, samples.length); at += 4) peak = Math.max(peak, Math.abs(samples[at]));
      return peak;
    });
  }

  function drawBars(canvas, peaks) {
    const scale = devicePixelRatio;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    [canvas.width, canvas.height] = [width * scale, height * scale];
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.fillStyle = getComputedStyle(canvas).color;
    const loudest = Math.max(...peaks, 0.02);
    peaks.forEach((peak, bar) => {
      const tall = Math.max(1, (peak / loudest) * (height - 4));
      pen.fillRect(bar * BAR_PX, (height - tall) / 2, BAR_PX - 1, tall);
    });
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
