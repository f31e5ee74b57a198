type Attributes = Record<string, string | boolean>

/** Makes an element. Strings become text nodes: nothing here is ever read as markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false) continue
    made.setAttribute(name, value === true ? '' : value)
  }
  made.append(...children)
  return made
}

/** The element with this id in index.html, checked to be of the kind that the caller counts on. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id)
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`)
  return found
}

/** Sets text only where it differs, so that selections and live regions are left in peace. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text
}
