// Keys for people who sit here all day. Never while typing, never with a modifier, and they can be switched off
// (WCAG 2.1.4). A page's own keys are registered on `atlasKeys` by its script.
const atlasKeys = new Map();

(() => {
  const OFF = "atlaspay.keys.off";
  const typing = (target) => target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("[data-rows] tbody tr, #result_list tbody tr")].filter((row) => row.querySelector("a"));
  let cursor = -1;

  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    all[cursor]?.classList.remove("ap-cursor");
    cursor = Math.min(Math.max(cursor + step, 0), all.length - 1);
    all[cursor].classList.add("ap-cursor");
    all[cursor].querySelector("th a, a").focus({ preventScroll: true });
    all[cursor].scrollIntoView({ block: "nearest" });
  };
  const current = () => rows()[cursor];
  const help = () => document.getElementById("ap-keys")?.showModal();

  atlasKeys.set("j", () => move(1));
  atlasKeys.set("k", () => move(-1));
  atlasKeys.set("o", () => current()?.querySelector("th a, a").click());
  atlasKeys.set("x", () => current()?.querySelector("input[type=checkbox]")?.click());
  atlasKeys.set("n", () => document.getElementById("ap-next")?.requestSubmit());
  atlasKeys.set("q", () => document.getElementById("ap-queue")?.click());
  atlasKeys.set("/", () => document.querySelector("#f-q, #searchbar")?.focus());
  atlasKeys.set("?", help);

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const form = event.target.closest("form[data-decision]");
      if (form) event.preventDefault();
      return form?.requestSubmit();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && typing(event.target)) return event.target.blur();
    if (typing(event.target) || document.querySelector("dialog[open]") || localStorage.getItem(OFF)) return;
    const act = atlasKeys.get(event.key);
    if (!act) return;
    event.preventDefault();
    act();
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-keys-help]").forEach((button) => button.addEventListener("click", help));
    const keysSwitch = document.getElementById("ap-keys-on");
    if (!keysSwitch) return;
    keysSwitch.checked = !localStorage.getItem(OFF);
    keysSwitch.addEventListener("change", () => (keysSwitch.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));
  });
})();
