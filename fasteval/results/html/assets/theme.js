// The button that switches between light and dark.

function startTheme() {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const current = () => root.dataset.theme || (system.matches ? "dark" : "light");
  const button = document.getElementById("theme");
  const label = () => button.setAttribute("aria-label", `Colours: ${current()}; switch`);
  button.addEventListener("click", () => {
    root.dataset.theme = current() === "dark" ? "light" : "dark";
    label();
    try {
      localStorage.setItem("fasteval-theme", root.dataset.theme);
    } catch (error) {
      // No storage for files in this browser: the choice holds for this page.
    }
  });
  system.addEventListener("change", label);
  label();
}

startTheme();
