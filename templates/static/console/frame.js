// The console's frame is django-unfold's. Some of its controls answer the mouse alone: give them a role, a place
// in the tab order, a name and the keys of a button. Its icons are words of a font: nobody should hear them read out.
(() => {
  const NAMES = { close: "Close the menu", currency_exchange: "Home", dock_to_right: "Show or hide the menu", unfold_more: "Your account" };
  const ICON = ".material-symbols-outlined";
  const NATIVE = "a[href], button, input, select, textarea, summary";

  const mend = (root) => {
    root.querySelectorAll(ICON).forEach((icon) => icon.setAttribute("aria-hidden", "true"));
    const name = (control) => {
      const icon = control.matches(ICON) ? control : control.querySelector(ICON);
      if (!icon || control.title || control.hasAttribute("aria-label")) return;
      const words = icon.textContent.trim();
      if (control.textContent.trim() === words) control.setAttribute("aria-label", NAMES[words] ?? words.replaceAll("_", " "));
    };
    root.querySelectorAll("a[href], button").forEach(name);
    root.querySelectorAll("[x-on\\:click]").forEach((control) => {
      if (control.matches(NATIVE) || control.querySelector(NATIVE)) return;
      control.setAttribute("role", "button");
      control.tabIndex = 0;
      name(control);
      control.removeAttribute("aria-hidden");
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
  // The frame is hidden until Alpine has begun, and what is hidden takes no focus.
  window.addEventListener("load", () => document.activeElement === document.body && document.querySelector("[autofocus]")?.focus());
  document.addEventListener("keydown", (event) => {
    const isPress = event.key === "Enter" || event.key === " ";
    if (!isPress || !event.target.matches('[role="button"]:not(button)')) return;
    event.preventDefault();
    event.target.click();
  });
})();
