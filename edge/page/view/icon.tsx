const PATHS = {
  menu: 'M4 6h16M4 12h16M4 18h16',
  plus: 'M12 5v14M5 12h14',
  gear: 'M4 8h9m4 0h3M4 16h3m4 0h9M13 8a2 2 0 1 0 4 0 2 2 0 1 0-4 0M7 16a2 2 0 1 0 4 0 2 2 0 1 0-4 0',
  clip: 'm20 11.5-8 8a5 5 0 0 1-7-7l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7L9.9 17a1.7 1.7 0 0 1-2.4-2.4l7.6-7.6',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  markdown: 'M3 6h18v12H3zM6.5 15V9l2.5 3 2.5-3v6M16.5 9v6m-2-2 2 2 2-2',
  done: 'm5 12.5 4.5 4.5L19 7.5',
  retry: 'M4 12a8 8 0 1 1 2.3 5.7M4 18v-4.5h4.5',
  cross: 'M6 6l12 12M18 6 6 18',
  pen: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4',
  down: 'm6 9 6 6 6-6',
  search: 'M11 18a7 7 0 1 1 0-14 7 7 0 0 1 0 14zM16 16l5 5',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
}

export type IconName = keyof typeof PATHS

/** A picture beside words, or in a button that has a name. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
