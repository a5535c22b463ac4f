// The theme of a report, chosen at its top or else the browser's, and figures that fit the paper when it is printed.
(() => {
  const NAME = "facepriv.theme"; // where the dashboard of the same origin keeps its theme, too
  const root = document.documentElement;
  const chooser = document.getElementById("theme");

  const read = () => {
    try {
      return localStorage.getItem(NAME);
    } catch {
      return null;
    }
  };
  const show = (chosen) => {
    if (chosen === "Light" || chosen === "Dark") root.dataset.theme = chosen.toLowerCase();
    else delete root.dataset.theme;
    if (chooser) chooser.value = root.dataset.theme ? chosen : "System";
  };
  show(read());
  addEventListener("storage", (event) => event.key === NAME && show(event.newValue));
  chooser?.addEventListener("change", () => {
    show(chooser.value);
    try {
      localStorage.setItem(NAME, chooser.value);
    } catch {
      // Without storage a choice lasts as long as the page.
    }
  });

  const PAPER = 680; // pixels between the margins of A4
  const LOWER = 0.8; // so that two stand on a page
  const onScreen = new Map();
  addEventListener("beforeprint", () => {
    for (const figure of document.querySelectorAll(".js-plotly-plot")) {
      onScreen.set(figure, figure.layout.height);
      Plotly.relayout(figure, { width: PAPER, height: LOWER * figure.layout.height });
    }
  });
  addEventListener("afterprint", () => {
    for (const [figure, height] of onScreen) Plotly.relayout(figure, { autosize: true, width: null, height });
    onScreen.clear();
  });
})();
