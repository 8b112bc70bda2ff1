// The list of runs, kept fresh: the same page again, and its table taken out of it.
document.documentElement.classList.add("script");
setUpTheme();

async function refreshList() {
  const state = byId("live");
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("runs");
    const old = byId("runs");
    if (fresh && fresh.innerHTML !== old.dataset.shown) {
      // A link that has the focus keeps it.
      const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      old.dataset.shown = fresh.innerHTML;
      old.innerHTML = fresh.innerHTML;
      if (focused) [...old.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    }
    state.textContent = "";
    state.className = "";
  } catch {
    state.textContent = "No answer from leaklab serve; trying again. What you see is the last state.";
    state.className = "lost";
  }
  setTimeout(refreshList, 2000);
}
byId("runs").dataset.shown = byId("runs").innerHTML;
setTimeout(refreshList, 2000);
