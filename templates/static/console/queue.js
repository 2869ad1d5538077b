// The queue's selection: how many cases, and their exact sum in each currency.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("ap-bulk");
  const shown = form?.querySelector("[data-selected]");
  if (!shown) return;
  const boxes = [...form.querySelectorAll("input[name=seen]:not(:disabled)")];
  const all = form.querySelector("[data-all]");

  // Whole numbers only: a float would show a sum that nobody owes.
  const words = (minor, digits, currency) => {
    const text = minor.toString().padStart(digits + 1, "0");
    const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, ",");
    return `${whole}${digits ? "." + text.slice(-digits) : ""} ${currency}`;
  };
  const show = () => {
    const chosen = boxes.filter((box) => box.checked);
    const sums = new Map();
    for (const { dataset } of chosen) {
      const sum = sums.get(dataset.currency) ?? { minor: 0n, digits: Number(dataset.exponent) };
      sum.minor += BigInt(dataset.minor);
      sums.set(dataset.currency, sum);
    }
    const total = [...sums].sort().map(([currency, sum]) => words(sum.minor, sum.digits, currency));
    shown.textContent = chosen.length ? `${chosen.length} selected: ${total.join(", ")}` : "None selected.";
    form.classList.toggle("ap-selecting", chosen.length > 0);
    form.querySelectorAll("[data-needs-selection]").forEach((button) => (button.disabled = !chosen.length));
    if (all) all.checked = boxes.length > 0 && chosen.length === boxes.length;
    boxes.forEach((box) => box.closest("tr").classList.toggle("ap-chosen", box.checked));
  };
  all?.addEventListener("change", () => {
    boxes.forEach((box) => (box.checked = all.checked));
    show();
  });
  form.addEventListener("change", show);
  show();
});
window.addEventListener("pageshow", () => document.querySelector("#ap-bulk input[name=seen]")?.dispatchEvent(new Event("change", { bubbles: true })));
