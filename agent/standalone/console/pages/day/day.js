// What a piece of a bar says, beside it: when it is pointed at, has the focus, or is tapped.

const live = document.getElementById("live");
const tip = document.getElementById("tip");

function show(piece) {
  const box = piece.getBoundingClientRect();
  tip.textContent = piece.dataset.tip;
  tip.hidden = false;
  const own = tip.getBoundingClientRect();
  const left = Math.min(Math.max(box.left + box.width / 2 - own.width / 2, 8), innerWidth - own.width - 8);
  const above = box.top - own.height - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 4 ? above : box.bottom + 8}px`;
}

function hide() {
  tip.hidden = true;
}

const piece = (event) => event.target.closest?.(".piece");

live.addEventListener("pointerover", (event) => {
  const found = piece(event);
  if (found) show(found);
  else hide();
});
live.addEventListener("pointerleave", hide);
live.addEventListener("focusin", (event) => piece(event) && show(piece(event)));
live.addEventListener("focusout", hide);
document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
addEventListener("scroll", hide, { passive: true });

// A first tap tells; where there is a recording the second one opens it.
live.addEventListener("click", (event) => {
  const found = piece(event);
  if (!found || event.pointerType !== "touch") return;
  if (tip.hidden || tip.dataset.of !== found.dataset.tip) {
    event.preventDefault();
    show(found);
    tip.dataset.of = found.dataset.tip;
  }
});

live.querySelector("input[type=date]")?.addEventListener("change", (event) => event.target.form.requestSubmit());
