// What a piece of a bar says, beside it: when it is pointed at, has the focus, or is tapped. A click on a recorded lesson
// plays it from the moment that was clicked at.

const live = document.getElementById("live");
const tip = document.getElementById("tip");
const hair = document.getElementById("hair");

/** A length in the window as a style has it: on large displays the page is zoomed. */
function pixels(length) {
  return `${length / (document.body.currentCSSZoom ?? 1)}px`;
}

/** The moment (Unix seconds) under a point of a bar; null beside the bars. */
function moment(event) {
  const chart = event.target.closest?.(".daychart");
  const bar = event.target.closest?.(".daybar");
  if (!chart || !bar) return null;
  const box = bar.getBoundingClientRect();
  return Number(chart.dataset.since) + (Number(chart.dataset.length) * (event.clientX - box.left)) / box.width;
}

/** A moment as the clock on the wall there showed it. */
function clock(unix) {
  const { offset } = live.querySelector(".daychart").dataset;
  return new Date((unix + Number(offset)) * 1000).toISOString().slice(11, 19);
}

/** A line through all bars at the pointer, with the time; from finger and keyboard there is none. */
function follow(event) {
  const at = event.pointerType === "mouse" ? moment(event) : null;
  hair.hidden = at === null;
  if (at === null) return;
  const chart = event.target.closest(".daychart").getBoundingClientRect();
  hair.style.left = pixels(event.clientX);
  hair.style.top = pixels(chart.top);
  hair.style.height = pixels(chart.height);
  hair.dataset.time = clock(at);
}

function show(piece) {
  const box = piece.getBoundingClientRect();
  tip.textContent = piece.dataset.tip;
  tip.hidden = false;
  const own = tip.getBoundingClientRect();
  const left = Math.min(Math.max(box.left + box.width / 2 - own.width / 2, 8), innerWidth - own.width - 8);
  const above = box.top - own.height - 8;
  tip.style.left = pixels(left);
  tip.style.top = pixels(above > 4 ? above : box.bottom + 8);
}

function hide() {
  tip.hidden = true;
  hair.hidden = true;
}

const piece = (event) => event.target.closest?.(".piece");

live.addEventListener("pointerover", (event) => {
  const found = piece(event);
  if (found) show(found);
  else hide();
});
live.addEventListener("pointermove", follow);
live.addEventListener("pointerleave", hide);
live.addEventListener("focusin", (event) => piece(event) && show(piece(event)));
live.addEventListener("focusout", hide);
document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
addEventListener("scroll", hide, { passive: true });

// A first tap tells; where there is a recording the second one opens it.
live.addEventListener("click", (event) => {
  const found = piece(event);
  if (!found) return;
  const at = moment(event);
  const address = found.getAttribute("href");
  // The keyboard clicks at no point: then the film begins at its begin, and at a gap shortly before it.
  if (address && at !== null && event.detail > 0 && !found.matches(".hole")) {
    found.setAttribute("href", `${address.replace(/&at=.*/, "")}&at=${Math.floor(at)}`);
  }
  if (event.pointerType !== "touch") return;
  if (tip.hidden || tip.dataset.of !== found.dataset.tip) {
    event.preventDefault();
    show(found);
    tip.dataset.of = found.dataset.tip;
  }
});

live.querySelector("input[type=date]")?.addEventListener("change", (event) => event.target.form.requestSubmit());
