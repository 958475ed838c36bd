// Sets the colour scheme before the first paint: what was chosen, else what the system says.
(() => {
  try {
    const choice = localStorage.getItem("bothways.theme");
    if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice;
  } catch {
    // The browser keeps nothing for this page.
  }
})();
