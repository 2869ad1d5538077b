// The dashboard renews its figures without a reload: every minute while somebody can see it, and at once when the page
// is looked at again. What was opened stays open; a page that cannot be renewed says so rather than look fresh.
document.addEventListener("DOMContentLoaded", () => {
  const live = document.querySelector("[data-refresh][data-url]");
  if (!live) return;
  const every = Number(live.dataset.refresh) * 1000;
  let renewedAt = Date.now();
  let isAsking = false;

  const tell = (words) => {
    let call = live.querySelector("[data-stale]");
    if (!call) {
      call = document.createElement("div");
      call.className = "ap-call ap-warn";
      call.dataset.stale = "";
      call.setAttribute("role", "alert");
      live.prepend(call);
    }
    if (call.textContent !== words) call.textContent = words;
  };
  const renew = async () => {
    if (isAsking || document.hidden || Date.now() - renewedAt < every) return;
    isAsking = true;
    try {
      const answer = await fetch(live.dataset.url, { headers: { "X-Requested-With": "figures" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") return window.location.reload(); // signed out meanwhile
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      const open = new Set([...live.querySelectorAll("details[open][data-keep]")].map((one) => one.dataset.keep));
      const focused = live.contains(document.activeElement) && document.activeElement.closest("details[data-keep]")?.dataset.keep;
      live.innerHTML = text;
      live.querySelectorAll("details[data-keep]").forEach((one) => (one.open = open.has(one.dataset.keep)));
      if (focused) live.querySelector(`details[data-keep="${focused}"] summary`)?.focus();
      renewedAt = Date.now();
      live.dispatchEvent(new CustomEvent("figures:renewed", { bubbles: true }));
    } catch {
      tell("These figures could not be renewed; they are those of the time above. Trying again.");
    } finally {
      isAsking = false;
    }
  };
  setInterval(renew, Math.min(every, 5000));
  document.addEventListener("visibilitychange", renew);
});
