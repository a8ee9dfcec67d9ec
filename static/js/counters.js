// Says under a box how much is in it and how much fits; the browser stops what is more.
"use strict";

(() => {
  const BOXES = "[data-count]";

  // As the browser counts for maxlength, so that both stop at the same letter.
  function words(box) {
    if (box.dataset.count === "lines") {
      const lines = box.value.split("\n").filter((line) => line.trim()).length;
      return { count: lines, most: Number(box.dataset.most), unit: "lines" };
    }
    return { count: box.value.length, most: box.maxLength, unit: "characters" };
  }

  function counter(box) {
    const next = box.nextElementSibling;
    if (next?.matches(".counter")) return next;
    const added = document.createElement("p");
    added.className = "counter hint";
    box.after(added);
    return added;
  }

  function count(box) {
    const { count: now, most, unit } = words(box);
    const line = counter(box);
    line.textContent = `${now.toLocaleString("en")} of ${most.toLocaleString("en")} ${unit}`;
    line.classList.toggle("failure", now > most);
  }

  function begin(root) {
    if (root.matches(BOXES)) count(root);
    root.querySelectorAll(BOXES).forEach(count);
  }

  document.addEventListener("input", (event) => {
    if (event.target.matches(BOXES)) count(event.target);
  });
  document.addEventListener("htmx:load", (event) => begin(event.target));
  begin(document.body);
})();
