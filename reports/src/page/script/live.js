// A run that goes on, seen through `leaklab serve`: fresh figures, charts and verdicts.

function setUpLive(url, structure, refresh) {
  const state = byId("live");
  const shown = new Map();
  let pause = 1000;
  const say = (text, tone) => {
    state.textContent = text;
    state.className = tone;
  };
  const take = (fresh) => {
    if (fresh.structure !== structure) {
      location.reload();
      return;
    }
    for (const [id, html] of Object.entries(fresh.parts)) {
      const place = byId(id);
      if (!place || shown.get(id) === html) continue;
      shown.set(id, html);
      const opened = [...place.querySelectorAll("details")].map((details) => details.open);
      place.innerHTML = html;
      place.querySelectorAll("details").forEach((details, i) => (details.open = opened[i] ?? false));
    }
    refresh(fresh.data);
  };
  const poll = async () => {
    const began = performance.now();
    try {
      const answer = await fetch(url, { cache: "no-store" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const fresh = await answer.json();
      take(fresh);
      if (!fresh.running) {
        say("The run goes on no more; this page is complete.", "done");
        return;
      }
      say(`Live: updated ${new Date().toLocaleTimeString()}`, "fresh");
      // A long run takes longer to read; at most a tenth of the time is spent on it.
      pause = Math.max(1000, (performance.now() - began) * 10);
    } catch {
      say("No answer from leaklab serve; trying again. What you see is the last state.", "lost");
      pause = Math.min(pause * 1.5, 10000);
    }
    setTimeout(poll, pause);
  };
  say("Live", "fresh");
  setTimeout(poll, pause);
}
