// The case page: keys for its panels, quick texts, and who has the case open.
document.addEventListener("DOMContentLoaded", () => {
  const panels = [...document.querySelectorAll("details[data-key]")];
  const open = (panel) => {
    panel.open = true;
    panel.querySelector("select, textarea")?.focus();
    panel.scrollIntoView({ block: "nearest" });
  };
  for (const panel of panels) atlasKeys.set(panel.dataset.key, () => open(panel));
  atlasKeys.set("t", () => document.getElementById("ap-take-over")?.requestSubmit());

  document.querySelectorAll("[data-quick-for]").forEach((box) => {
    const field = document.getElementById(box.dataset.quickFor);
    box.addEventListener("click", (event) => {
      const chip = event.target.closest("button");
      if (!chip) return;
      field.value = field.value.trim() ? `${field.value.trim()} ${chip.textContent}` : chip.textContent;
      field.focus();
    });
  });

  // A second click must not decide twice; the service refuses it anyway.
  document.querySelectorAll("form[data-decision]").forEach((form) =>
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = "1";
    }),
  );
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  });

  const presence = document.getElementById("ap-present");
  if (!presence) return;
  const EVERY_MS = 30_000;
  const notice = document.getElementById("ap-presence");
  let isMine = presence.dataset.mine === "1";
  const say = (words) => {
    notice.textContent = words;
    notice.hidden = !words;
  };
  const beat = async (first) => {
    const body = new FormData(presence);
    if (first) body.set("first", "1");
    try {
      const answer = await fetch(presence.action, { method: "POST", body, headers: { Accept: "application/json" } });
      if (answer.redirected) return say("You are signed out. Copy what you have written before you sign in again.");
      const told = await answer.json();
      if (answer.status === 409) return say(told.words);
      if (!told.is_waiting) return say("This case was decided meanwhile. Load the page again to see by whom.");
      if (isMine && !told.is_mine) say(`${told.holder || "Nobody"} has this case now.`);
      isMine = told.is_mine;
    } catch {
      say("The console cannot be reached. What you write stays here until it can.");
      return;
    }
    if (isMine) say("");
  };
  if (presence.dataset.free === "1" || isMine) beat(!isMine);
  setInterval(() => document.visibilityState === "visible" && beat(false), EVERY_MS);
});
