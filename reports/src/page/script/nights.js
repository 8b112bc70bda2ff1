// The page over nights: a link to a series that is folded opens it.
document.documentElement.classList.add("script");
setUpTheme();

function openNamed() {
  const named = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  if (named instanceof HTMLDetailsElement) {
    named.open = true;
    named.scrollIntoView();
  }
}
addEventListener("hashchange", openNamed);
openNamed();
