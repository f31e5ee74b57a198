/** The line that says whether the server is reached, and the requests that are in trouble. */
export type Connection = {
  lost(request: object): void
  settled(request: object): void
}

/** Shows the line while at least one request is being repeated. */
export function createConnection(line: HTMLElement): Connection {
  const troubled = new Set<object>()
  const show = () => {
    const text = troubled.size > 0 ? 'Connection lost, trying again…' : ''
    // A live region that is set anew is read aloud anew, even with the same words.
    if (line.textContent !== text) line.textContent = text
  }
  return {
    lost(request) {
      troubled.add(request)
      show()
    },
    settled(request) {
      troubled.delete(request)
      show()
    },
  }
}
