/*
 * Before anything is drawn, and in any browser: a theme other than the system's would else come a moment late. `main.tsx` says it
 * again, with all that belongs to it.
 */
try {
  const theme = localStorage.getItem('async-chat.theme')
  if (theme) document.documentElement.dataset.theme = theme
} catch {
  // Storage is switched off: the theme is the system's.
}

const isNewEnough =
  'withResolvers' in Promise &&
  'groupBy' in Map &&
  'any' in AbortSignal &&
  'popover' in HTMLElement.prototype
if (!isNewEnough) {
  document.addEventListener('DOMContentLoaded', () => {
    const note = document.createElement('p')
    note.className = 'noscript'
    note.textContent =
      'This page needs a newer browser: Chrome or Edge 123, Firefox 125, Safari 17.5. 本页需要较新的浏览器。'
    document.body.append(note)
  })
}
