// The player of recordings: opens in place, plays a lesson's slices as one film.

import { act, leave, say, sure } from "./act.js";
import { Film } from "./film.js";

const dialog = document.getElementById("film");
const shelf = document.getElementById("shelf");
const film = new Film([...dialog.querySelectorAll("video")]);
const of = (name) => dialog.querySelector(name);
const [play, position, wall, failed] = [".play", ".position", ".wall", ".failed"].map(of);
let told = null;
let dragging = false;

function text(seconds) {
  const whole = Math.floor(seconds);
  const [hour, minute, second] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hour ? `${hour}:${two(minute)}:${two(second)}` : `${minute}:${two(second)}`;
}

/** The time of day, where the lesson was, of the picture that is shown. */
function clock(time) {
  const clip = told.clips[film.index];
  if (!clip) return "";
  const then = new Date((clip.wall + Math.max(0, time - clip.at) + told.offset) * 1000);
  return then.toISOString().slice(11, 19);
}

function update() {
  if (!told) return;
  const time = film.time;
  if (!dragging) position.value = String(time);
  position.setAttribute("aria-valuetext", text(time));
  of(".at").textContent = text(time);
  wall.textContent = clock(time);
  const on = film.isPlaying;
  play.textContent = on ? "❚❚" : "▶";
  play.setAttribute("aria-label", on ? play.dataset.pause : play.dataset.play);
}

function line(kind, at) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "line");
  const x = `${(100 * at) / (told.length || 1)}%`;
  for (const [name, value] of Object.entries({ class: kind, x1: x, x2: x, y1: 0, y2: 10 })) made.setAttribute(name, value);
  return made;
}

/** Where on the film's time a moment is. */
function place(unix) {
  const after = told.clips.find((clip) => unix < clip.wall + clip.length);
  if (!after) return told.length;
  return after.at + Math.max(0, unix - after.wall);
}

function items(list, made) {
  list.replaceChildren(
    ...made.map((content) => {
      const item = document.createElement("li");
      item.append(content);
      return item;
    }),
  );
}

/** Ask for a recording; null where there is none to be had, which is said. */
async function ask(key, at) {
  try {
    const answer = await fetch(`/console/recordings/film?key=${key}&at=${Math.floor(at)}`, { cache: "no-store" });
    if (answer.status === 401) location.reload();
    if (answer.ok) return await answer.json();
    if (answer.status === 404) say(dialog.dataset.gone, true);
    else throw new Error(answer.status);
  } catch {
    say(dialog.dataset.away, true);
  }
  return null;
}

/** Open a recording and play it, from a moment on (Unix seconds; 0: from its begin). */
async function open(key, at = 0) {
  const answer = await ask(key, at);
  if (!answer) return;
  told = answer;
  failed.hidden = true;
  of(".caption").textContent = told.caption;
  of(".of").textContent = text(told.length);
  position.max = String(told.length);
  of(".marks").replaceChildren(
    ...told.clips.slice(1).map((clip) => line("joint", clip.at)),
    ...told.gaps.map((gap) => line("gap", place(gap.since))),
  );
  items(of(".missing-list ul"), told.gaps.map((gap) => gap.text));
  of(".missing-list").hidden = told.gaps.length === 0;
  items(
    of(".downloads ul"),
    told.slices.map((slice) => {
      const link = document.createElement("a");
      link.href = slice.address;
      link.textContent = slice.text;
      return link;
    }),
  );
  if (!dialog.open) dialog.showModal();
  film.open(told.clips);
  if (at) film.seek(place(at));
  film.play();
  update();
}

shelf.addEventListener("click", async (event) => {
  const link = event.target.closest("a.film");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  if (link.ariaBusy) return; // it comes
  link.ariaBusy = "true";
  await open(link.dataset.key);
  link.ariaBusy = null;
});

film.addEventListener("moved", update);
film.addEventListener("failed", () => {
  failed.hidden = false;
  film.pause();
});
play.addEventListener("click", () => (film.isPlaying ? film.pause() : film.play()));
of(".back").addEventListener("click", () => film.seek(film.time - 10));
of(".forward").addEventListener("click", () => film.seek(film.time + 10));
position.addEventListener("input", () => {
  dragging = true;
  film.seek(Number(position.value));
});
position.addEventListener("change", () => (dragging = false));
of(".speed").addEventListener("change", (event) => (film.rate = Number(event.target.value)));
of(".mute").addEventListener("click", (event) => {
  const muted = !film.video.muted;
  film.muted = muted;
  event.target.setAttribute("aria-pressed", String(muted));
});
of(".full").addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : dialog.requestFullscreen?.()));
of(".close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  film.close();
  told = null;
});
dialog.addEventListener("keydown", (event) => {
  if (event.target.closest("select, summary, a, .position")) return;
  const keys = { ArrowLeft: -5, ArrowRight: 5, j: -10, l: 10 };
  if (event.key in keys) film.seek(film.time + keys[event.key]);
  else if (event.key === "k" || (event.key === " " && !event.target.closest("button"))) play.click();
  else return;
  event.preventDefault();
});

of(".delete")?.addEventListener("click", async (event) => {
  const { records, title } = told;
  const question = event.target.dataset.question.replace("{title}", title).replace("{count}", records.length);
  film.pause();
  if (!(await sure(question))) return;
  const answer = await act("del_record", { record_id: records.join(",") });
  dialog.close();
  if (answer.err_code === 0) leave("/console/recordings", answer.sentence);
  else say(answer.sentence, true);
});

if (shelf.dataset.show) open(shelf.dataset.show, Number(shelf.dataset.at));
