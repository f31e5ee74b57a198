/*
 * Before anything is drawn: a theme other than the system's would else come a moment late. `main.tsx` says it
 * again, with all that belongs to it.
 */
try {
  const theme = localStorage.getItem('async-chat.theme')
  if (theme) document.documentElement.dataset.theme = theme
} catch {
  // Storage is switched off: the theme is the system's.
}
