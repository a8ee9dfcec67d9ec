// Keeps what is typed into a form of a post or a persona, until it is sent, for a reload
// or a way back.
//
// In this tab's storage only, by member and form. What the form began with is kept as
// well, so that a draft is laid over the same beginning and nothing else. Every page
// forgets the drafts of anybody but the member it was made for, in all tabs.
"use strict";

(() => {
  const key = (form) => `draft:${form.dataset.draft}`;
  const fieldsOf = (form) => form.querySelectorAll("textarea, input[type=text]");

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

  // A form whose text the server keeps as well names what it shows: "form/revision". Of
  // another revision nothing is laid over it, so that nothing discarded comes back.
  function forgetOtherRevisions(form) {
    const [name, revision] = form.dataset.draft.split("/");
    if (!revision) return;
    Object.keys(sessionStorage)
      .filter((other) => other.startsWith(`draft:${name}/`) && other !== key(form))
      .forEach((other) => sessionStorage.removeItem(other));
  }

  function restore(form) {
    forgetOtherRevisions(form);
    const draft = read(form);
    for (const field of fieldsOf(form)) {
      const kept = draft[field.name];
      if (kept && field.value === field.defaultValue && kept.began === field.value) {
        field.value = kept.text;
      }
    }
  }

  function forgetOthers(member) {
    Object.keys(sessionStorage)
      .filter((name) => name.startsWith("draft:") && !name.startsWith(`draft:${member}-`))
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
    if (!isDone || !form.matches("form[data-draft]")) return;
    sessionStorage.removeItem(key(form));
    form.reset(); // a way back would find it filled, and a new token beside the text
  });

  const { member } = document.body.dataset; // empty for a guest, missing on a bare page
  const tabs = new BroadcastChannel("member");
  tabs.addEventListener("message", (event) => forgetOthers(event.data));
  if (member !== undefined) {
    forgetOthers(member);
    tabs.postMessage(member);
  }

  document.querySelectorAll("form[data-draft]").forEach(restore);
})();
