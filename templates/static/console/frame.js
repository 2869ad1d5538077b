// The console's frame is django-unfold's. Some of its controls answer the mouse alone: give them a role, a place
// in the tab order, a name and the keys of a button. Its icons are words of a font: nobody should hear them read out.
(() => {
  const NAMES = { close: "Close the menu", dock_to_right: "Show or hide the menu", unfold_more: "Your account" };
  const NATIVE = "a[href], button, input, select, textarea, summary";

  const mend = (root) => {
    root.querySelectorAll(".material-symbols-outlined").forEach((icon) => icon.setAttribute("aria-hidden", "true"));
    root.querySelectorAll("[x-on\\:click]").forEach((control) => {
      if (control.matches(NATIVE) || control.querySelector(NATIVE)) return;
      control.setAttribute("role", "button");
      control.tabIndex = 0;
      const icon = control.matches(".material-symbols-outlined") ? control : control.querySelector(".material-symbols-outlined");
      const words = control.textContent.replace(icon?.textContent ?? "", "").trim();
      if (!words && icon) control.setAttribute("aria-label", NAMES[icon.textContent.trim()] ?? icon.textContent.trim().replaceAll("_", " "));
      if (control === icon) control.removeAttribute("aria-hidden");
    });
    root.querySelectorAll(".ap-scroll").forEach((box) => {
      // A table that scrolls sideways has to be reached by the keyboard.
      if (box.scrollWidth <= box.clientWidth) return;
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", box.closest(".ap-card")?.querySelector("h2")?.textContent.trim() ?? "Table");
    });
  };
  document.addEventListener("DOMContentLoaded", () => mend(document));
  document.addEventListener("keydown", (event) => {
    const isPress = event.key === "Enter" || event.key === " ";
    if (!isPress || !event.target.matches('[role="button"]:not(button)')) return;
    event.preventDefault();
    event.target.click();
  });
})();
