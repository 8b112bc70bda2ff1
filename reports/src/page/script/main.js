// Start of the page's script.
const data = JSON.parse(byId("data").textContent);
document.documentElement.classList.add("script");
setUpTheme();
const refreshTable = setUpTable(data.rows);
const refreshCharts = setUpCharts(data);
if (data.live_url) {
  setUpLive(data.live_url, data.structure, (fresh) => {
    refreshTable(fresh.rows);
    refreshCharts(fresh);
  });
}
