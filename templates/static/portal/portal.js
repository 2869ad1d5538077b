// The portal's own few behaviours. Everything works without them; nothing is evaluated (the page forbids it).
(() => {
  const mend = (root) => {
    root.querySelectorAll(".ap-scroll").forEach((box) => {
      // A table that scrolls sideways has to be reached by the keyboard.
      if (box.scrollWidth <= box.clientWidth) return;
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", box.closest(".ap-card")?.querySelector("h2")?.textContent.trim() ?? "Table");
    });
    root.querySelectorAll("select[data-submits]").forEach((select) => {
      select.addEventListener("change", () => select.form.requestSubmit());
      select.form.querySelector("button")?.classList.add("ap-hidden");
    });
  };
  document.addEventListener("DOMContentLoaded", () => mend(document));
  document.addEventListener("htmx:load", (event) => mend(event.target));
  // A tab left open is nobody at work: what a page asks by itself does not keep the session alive.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.triggeringEvent?.type !== "click" && event.detail.verb === "get") event.detail.headers["X-AtlasPay-Background"] = "1";
    // Nobody looks: the next poll asks again.
    if (document.hidden && event.detail.verb === "get") event.preventDefault();
  });
  // A second click on what was sent does nothing.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
})();
