// The rule builder without page loads, its words while typing, and pages that follow a running backtest. All of it works
// without this file too.
(() => {
  const builder = () => document.getElementById("ap-builder");
  let dirty = false;
  let timer = 0;
  let asked = 0;
  let byKey = false;

  const changed = (form) => {
    dirty = true;
    form.querySelector(".ap-unsaved")?.removeAttribute("hidden");
  };

  const post = (form, address, extra) => {
    const data = new URLSearchParams(new FormData(form));
    for (const [name, value] of Object.entries(extra)) data.set(name, value);
    return fetch(address, { method: "POST", body: data, headers: { "X-Requested-With": "fetch" } });
  };

  // A button that changes the form's shape: take the form as the server gives it back.
  const reshape = async (form, wanted) => {
    const top = document.activeElement?.closest("[id]")?.id;
    const open = [...form.querySelectorAll("details[open][id]")].map((each) => each.id);
    const answer = await post(form, form.action, { do: wanted });
    if (!form.isConnected) return; // A later change was answered first.
    const page = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
    const fresh = page.getElementById("ap-builder");
    if (!fresh) {
      changed(form);
      form.querySelector(".ap-unsaved").textContent = "The server did not do that. Are you still signed in? What you typed is still here.";
      return;
    }
    form.replaceWith(fresh);
    changed(fresh);
    if (!/^(up|down|drop-rule):/.test(wanted)) open.forEach((id) => { const each = document.getElementById(id); if (each) each.open = true; });
    const next = fresh.querySelector("[autofocus]") || (top && document.getElementById(top)?.querySelector("select, input:not([type=hidden]), button"));
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };

  const preview = (form) => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const mine = ++asked;
      const answer = await post(form, form.dataset.preview, { do: "refresh" });
      if (!answer.ok || mine !== asked) return;
      const said = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const each of said.querySelectorAll("[data-said]")) {
        const place = form.querySelector(`[data-words="${each.dataset.said}"]`);
        place?.replaceChildren(...each.childNodes);
        place?.closest("details")?.classList.toggle("ap-faulty", "faulty" in each.dataset);
      }
    }, 400);
  };

  document.addEventListener("submit", (event) => {
    if (event.target !== builder()) return;
    const wanted = event.submitter?.value || "save";
    if (wanted.startsWith("save")) { dirty = false; return; }
    event.preventDefault();
    reshape(event.target, wanted);
  });
  // A closed list changes with every letter typed or arrow pressed: who chooses by keyboard is done when they leave the field.
  const redraw = (field) => {
    const form = builder();
    delete field.dataset.chosen;
    if (form?.contains(field)) reshape(form, `refresh:${field.closest("[id]").id}`);
  };
  document.addEventListener("pointerdown", () => { byKey = false; }, true);
  document.addEventListener("keydown", () => { byKey = true; }, true);
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-refresh]")) return;
    if (byKey) event.target.dataset.chosen = "";
    else redraw(event.target);
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.matches("[data-refresh][data-chosen]")) redraw(event.target);
  });
  document.addEventListener("input", (event) => {
    const form = builder();
    if (!form?.contains(event.target)) return;
    changed(form);
    if (form.elements.mode.value === "form") preview(form);
  });
  window.addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });

  const follow = () => {
    const going = document.querySelector("[data-reload]");
    if (!going) return;
    setTimeout(async () => {
      const answer = await fetch(window.location.href, { headers: { "X-AtlasPay-Background": "1" } });
      const page = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
      const fresh = page.querySelector(".ap-page");
      // Signed out, or the server is away: the page stays as it is, and a reload says why.
      if (!fresh) return;
      document.querySelector(".ap-page").replaceWith(fresh);
      follow();
    }, going.dataset.reload * 1000);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", follow);
  else follow();
})();
