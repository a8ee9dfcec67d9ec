// Forms that open under a post: opened once, focused, closed by their button or Escape.
"use strict";

(() => {
  function focus(form) {
    (form.querySelector('[aria-invalid="true"]') || form.querySelector("textarea, select")).focus();
  }

  function close(form) {
    const slot = form.closest(".slot");
    slot.replaceChildren();
    document.querySelector(`a[hx-target="#${slot.id}"]`)?.focus();
  }

  // A second click leads to the form that is open, with what was typed in it.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!event.target.matches("a[hx-target]")) return;
    const form = event.detail.target.querySelector("form");
    if (!form) return;
    event.preventDefault();
    focus(form);
  });

  document.addEventListener("htmx:load", (event) => {
    const form = event.target;
    if (!form.matches("form")) return;
    if (form.closest(".slot") || form.querySelector('[aria-invalid="true"]')) focus(form);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-close]");
    if (button) close(button.form);
  });

  document.addEventListener("keydown", (event) => {
    const form = event.target.closest(".slot form");
    if (form && event.key === "Escape" && !event.isComposing) close(form);
  });
})();
