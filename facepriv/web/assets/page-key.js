// Shows the session's page key with every WebSocket, request and form of this origin. Cookies know no ports, so that
// another server on this machine may have the session's; it cannot read what is stored for this origin.
(() => {
  const key = () => {
    try {
      return localStorage.getItem("facepriv.key") ?? "";
    } catch {
      return "";
    }
  };
  const isOwn = (url) => new URL(url, location.href).host === location.host;

  window.WebSocket = class extends WebSocket {
    constructor(url, protocols = []) {
      super(url, isOwn(url) ? [protocols, `facepriv.${key()}`].flat() : protocols);
    }
  };

  const open = XMLHttpRequest.prototype.open;
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    open.call(this, method, url, ...rest);
    if (isOwn(url)) this.setRequestHeader("X-Facepriv-Key", key());
  };

  const plainFetch = window.fetch;
  window.fetch = (resource, options) => {
    const request = new Request(resource, options);
    if (isOwn(request.url)) request.headers.set("X-Facepriv-Key", key());
    return plainFetch(request);
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || !isOwn(form.action)) return;
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "key", value: key() });
    form.append(field);
  });

  // A browser whose cookie is of another page key, as after signing in at another port, has to sign in again.
  if (location.pathname !== "/logout") {
    fetch("/session", { cache: "no-store" })
      .then((answer) => {
        if (answer.status === 401) {
          location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
        }
      })
      .catch(() => {});
  }
})();
