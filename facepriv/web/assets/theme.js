// Remembers the theme chosen in the dashboard's menu, for all pages of this origin: Streamlit remembers it only for the
// address at which a tab was opened. The server's own pages, and what the dashboard frames, follow the choice.
(() => {
  const CHOSEN = "facepriv.theme";
  const STREAMLITS = `stActiveTheme-${location.pathname}-v2`;
  const THEMES = ["System", "Light", "Dark"];

  const read = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  };
  const write = (name, value) => {
    try {
      if (localStorage.getItem(name) !== value) localStorage.setItem(name, value);
    } catch {
      // Without storage a choice lasts as long as the page.
    }
  };

  const show = () => {
    const chosen = read(CHOSEN);
    if (chosen === "Light" || chosen === "Dark") document.documentElement.dataset.theme = chosen.toLowerCase();
    else delete document.documentElement.dataset.theme;
  };
  show();
  addEventListener("storage", (event) => event.key === CHOSEN && show());

  if (!document.currentScript.hasAttribute("data-switch")) return;
  if (THEMES.includes(read(CHOSEN))) write(STREAMLITS, JSON.stringify(read(CHOSEN)));
  const keep = () => {
    const now = read(STREAMLITS)?.replaceAll('"', "");
    if (!THEMES.includes(now)) return;
    write(CHOSEN, now);
    show();
  };
  addEventListener("click", () => setTimeout(keep, 100));
  addEventListener("pagehide", keep);
})();
