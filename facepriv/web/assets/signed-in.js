// Keeps the session's page key where only pages of this origin, port included, can read it, and goes on.
(() => {
  const { key, to } = document.currentScript.dataset;
  try {
    localStorage.setItem("facepriv.key", key);
  } catch {
    document.getElementById("stored").hidden = true;
    document.getElementById("refused").hidden = false;
    return;
  }
  location.replace(to);
})();
