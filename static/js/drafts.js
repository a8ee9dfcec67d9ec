// Keeps what is typed into a post's form, until it is sent, for a reload or a way back.
//
// In this tab's storage only, by member and form. What the form began with is kept as
// well, so that a draft is laid over the same beginning and nothing else.
"use strict";

(() => {
  const key = (form) => `draft:${form.dataset.draft}`;
  const fieldsOf = (form) => form.querySelectorAll("textarea, input[name=title]");

  function read(form) {
    try {
      return JSON.parse(sessionStorage.getItem(key(form))) || {};
    } catch {
      return {}; // no storage here, or not ours
    }
  }

  function keep(form) {
    const draft = {};
    for (const field of fieldsOf(form)) {
      if (field.value !== field.defaultValue) {
        draft[field.name] = { began: field.defaultValue, text: field.value };
      }
    }
    try {
      sessionStorage.setItem(key(form), JSON.stringify(draft));
    } catch {
      // full, or switched off: the form works without
    }
  }

  function restore(form) {
    const draft = read(form);
    for (const field of fieldsOf(form)) {
      const kept = draft[field.name];
      if (kept && field.value === field.defaultValue && kept.began === field.value) {
        field.value = kept.text;
      }
    }
  }

  function forgetAll() {
    Object.keys(sessionStorage)
      .filter((name) => name.startsWith("draft:"))
      .forEach((name) => sessionStorage.removeItem(name));
  }

  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-draft]");
    if (form) keep(form);
  });

  document.addEventListener("htmx:load", (event) => {
    if (event.target.matches("form[data-draft]")) restore(event.target);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const { requestConfig, xhr } = event.detail;
    const form = requestConfig.elt;
    const isDone = xhr.status >= 200 && xhr.status < 300;
    if (isDone && form.matches("form[data-draft]")) sessionStorage.removeItem(key(form));
  });

  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-sign-out]")) forgetAll();
  });

  document.querySelectorAll("form[data-draft]").forEach(restore);
})();
