// Light and dark: the system's choice until the reader makes one.
const themeListeners = [];

function setUpTheme() {
  const root = document.documentElement;
  const button = byId("theme");
  const names = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
  const order = ["auto", "light", "dark"];
  let stored = null;
  try {
    stored = localStorage.getItem("leaklab-theme");
  } catch {
    // A page opened from a file may have no storage; the choice then lasts as long as it.
  }
  const apply = (theme) => {
    root.dataset.theme = theme;
    button.textContent = names[theme];
    themeListeners.forEach((listener) => listener());
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = order[(order.indexOf(root.dataset.theme) + 1) % order.length];
    try {
      localStorage.setItem("leaklab-theme", next);
    } catch {
      // As above.
    }
    apply(next);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(root.dataset.theme));
  apply(order.includes(stored) ? stored : "auto");
}
