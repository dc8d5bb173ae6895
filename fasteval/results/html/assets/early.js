// Runs before the body is shown, so that a reader who chose a colour scheme sees no flash of the other one.
try {
  const theme = localStorage.getItem("fasteval-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (error) {
  // Some browsers keep no storage for files: the system's colours are used.
}
