// Keys for people who sit here all day: j k Enter in lists, a r n Escape on a case. Never while typing.
(() => {
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("#result_list tr")].filter((row) => row.querySelector("td a, th a"));
  let cursor = -1;

  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    all[cursor]?.classList.remove("ap-cursor");
    cursor = Math.min(Math.max(cursor + step, 0), all.length - 1);
    all[cursor].classList.add("ap-cursor");
    all[cursor].scrollIntoView({ block: "nearest" });
  };
  const open = (id) => {
    const panel = document.getElementById(id);
    if (!panel) return false;
    panel.open = true;
    panel.querySelector("select, textarea")?.focus();
    panel.scrollIntoView({ block: "nearest" });
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && typing(event.target)) return event.target.blur();
    if (typing(event.target)) return;
    const act = {
      j: () => move(1),
      k: () => move(-1),
      o: () => rows()[cursor]?.querySelector("td a, th a")?.click(),
      Enter: () => rows()[cursor]?.querySelector("td a, th a")?.click(),
      a: () => open("ap-approve"),
      r: () => open("ap-reject"),
      n: () => document.getElementById("ap-next")?.requestSubmit(),
    }[event.key];
    if (!act || (event.key === "Enter" && cursor < 0)) return;
    act();
    event.preventDefault();
  });
})();
