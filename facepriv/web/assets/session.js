// Leads back to the sign-in when the session has ended, which else would only leave a page that answers no more.
(() => {
  if (window.faceprivSession) return;
  window.faceprivSession = true;
  const look = async () => {
    const answer = await fetch("/session", { cache: "no-store" }).catch(() => null);
    if (answer && answer.status === 401) {
      location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
    }
  };
  setInterval(look, 5000);
  document.addEventListener("visibilitychange", () => document.hidden || look());
})();
