/** Resolves when this browser has been let in, or could not be: then the next request says why. */
let opened: Promise<void> | undefined

/** `fetch`, as the visitor that this browser is known as. */
export async function fetchAsVisitor(path: string, init: RequestInit): Promise<Response> {
  opened ??= open()
  await opened
  const response = await fetch(path, init)
  if (response.status !== 401) return response
  // The cookie is gone, or no longer good.
  opened = open()
  await opened
  return fetch(path, init)
}

/** One after the other, of all tabs: the second one finds the cookie of the first and keeps it. */
async function open(): Promise<void> {
  const ask = async () => {
    await fetch('/v1/session', { method: 'POST' })
  }
  try {
    await (navigator.locks ? navigator.locks.request('session', ask) : ask())
  } catch (error) {
    opened = undefined
    throw error
  }
}
