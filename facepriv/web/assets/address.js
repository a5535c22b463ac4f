// A page that adds to its address which data set it shows is still the same page: the browser's Back leads to the one
// before it, not to the same without the data set.
(() => {
  if (window.faceprivAddress) return;
  window.faceprivAddress = true;
  const push = history.pushState;
  history.pushState = function (state, title, url) {
    const here = new URL(location.href);
    const there = new URL(url ?? location.href, location.href);
    const only = new URLSearchParams(there.searchParams);
    only.delete("dataset");
    const adds = there.searchParams.has("dataset") && !here.searchParams.has("dataset");
    if (adds && there.pathname === here.pathname && only.toString() === here.searchParams.toString()) {
      return history.replaceState(state, title, url);
    }
    return push.call(history, state, title, url);
  };
})();
