// Light, dark, or as the system has it; kept for the next visit.

const NAME = "callserver.theme";

/** Applies the kept theme, and what somebody chooses with the switch. */
export function followTheme(select) {
  select.value = localStorage.getItem(NAME) ?? "auto";
  apply(select.value);
  select.onchange = () => {
    localStorage.setItem(NAME, select.value);
    apply(select.value);
  };
}

function apply(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
