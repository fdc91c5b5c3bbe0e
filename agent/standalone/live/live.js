"use strict";

// Plays a channel live and keeps it playing: says every 12 s that somebody looks, begins anew whenever the picture stops,
// and lets go while the page is out of sight for long.
(() => {
  const root = document.getElementById("live");
  const video = document.getElementById("video");
  const state = document.getElementById("state");
  const sound = document.getElementById("sound");
  const words = JSON.parse(root.dataset.words);

  const BEAT_MS = 12000;
  const ASK_MS = 2000; // while there is no picture
  const STUCK_MS = 6000;
  const NOT_SUPPORTED = 9; // of DOMException
  const HIDDEN_MS = 60000;
  const RETRY_MS = [300, 1000, 2000, 5000];
  const OTHER_CODEC_MS = 60000; // a camera that was set to another codec meanwhile is found so late
  const CODEC_NAMES = { hvc1: "H.265", hev1: "H.265", av01: "AV1", avc1: "H.264" };

  let player = null;
  let failures = 0;
  let progressedAt = performance.now();
  let hiddenAt = null;
  let asking = 0;
  let retry = 0;
  let unplayable = false; // what comes is in a codec that this browser has not got

  function say(text) {
    state.textContent = text;
    state.hidden = !text;
  }

  // The websocket is preferred: browsers allow six connections to a server by HTTP, and a wall has more pictures.
  function address() {
    const here = new URL(root.dataset.stream, location.href);
    if (failures % 2 === 0) here.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    return here.href;
  }

  function stop() {
    clearTimeout(retry);
    if (!player) return;
    const old = player;
    player = null;
    old.destroy();
  }

  function start() {
    stop();
    progressedAt = performance.now();
    player = mpegts.createPlayer(
      { type: "flv", isLive: true, url: address() },
      {
        enableStashBuffer: false,
        liveBufferLatencyChasing: true,
        liveBufferLatencyMaxLatency: 2.0,
        liveBufferLatencyMinRemain: 0.5,
        autoCleanupSourceBuffer: true,
        autoCleanupMaxBackwardDuration: 30,
        autoCleanupMinBackwardDuration: 10,
      },
    );
    const mine = player;
    player.on(mpegts.Events.ERROR, (kind, detail, info) => {
      if (mine !== player) return;
      const unknown = detail === mpegts.ErrorDetails.MEDIA_CODEC_UNSUPPORTED;
      const refused = detail === mpegts.ErrorDetails.MEDIA_MSE_ERROR && info && info.code === NOT_SUPPORTED;
      if (unknown || refused) giveUp((info && info.msg) || "");
      else again();
    });
    player.on(mpegts.Events.LOADING_COMPLETE, () => {
      if (mine === player) again();
    });
    player.attachMediaElement(video);
    player.load();
    const playing = player.play();
    if (playing) playing.catch(() => {});
  }

  function again() {
    stop();
    sound.hidden = true;
    retry = setTimeout(start, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
    failures += 1;
    ask();
  }

  // The browser cannot play what comes: no more of it is asked for, and the agent is not kept pushing for nobody.
  function giveUp(message) {
    const codec = (/codecs="?(\w{4})/.exec(message) || ["", "?"])[1];
    unplayable = true;
    stop();
    clearTimeout(asking);
    sound.hidden = true;
    say(words.codec.replace("{codec}", CODEC_NAMES[codec] || codec));
    retry = setTimeout(() => {
      unplayable = false;
      start();
      ask();
    }, OTHER_CODEC_MS);
  }

  async function ask() {
    clearTimeout(asking);
    if (hiddenAt === null || performance.now() - hiddenAt < HIDDEN_MS) {
      try {
        const answer = await fetch(root.dataset.beat, { method: "POST", cache: "no-store" });
        if (answer.status === 404) {
          say(words.over);
          stop();
          return;
        }
        const said = await answer.json();
        if (!playing() && !unplayable) say(said.text);
      } catch {
        if (!playing() && !unplayable) say(words.unreachable);
      }
    }
    if (unplayable) return;
    asking = setTimeout(ask, playing() ? BEAT_MS : ASK_MS);
  }

  function playing() {
    return player !== null && !video.paused && performance.now() - progressedAt < STUCK_MS && video.currentTime > 0;
  }

  video.addEventListener("timeupdate", () => {
    progressedAt = performance.now();
    if (player && video.currentTime > 0) {
      failures = 0;
      say("");
      sound.hidden = !video.muted;
      root.dataset.playing = "yes";
    }
  });

  sound.addEventListener("click", () => {
    video.muted = false;
    sound.hidden = true;
  });

  document.addEventListener("visibilitychange", () => {
    hiddenAt = document.hidden ? performance.now() : null;
    if (!document.hidden && !unplayable) {
      ask();
      if (!player) start();
    }
  });

  setInterval(() => {
    if (hiddenAt !== null && performance.now() - hiddenAt > HIDDEN_MS) {
      stop();
    } else if (player && !video.paused && performance.now() - progressedAt > STUCK_MS) {
      again();
    }
  }, 1000);

  if (!mpegts.isSupported()) {
    say(words.browser);
    return;
  }
  start();
  asking = setTimeout(ask, ASK_MS);
})();
