// Bytes of a text/event-stream → its events, their data as JSON. Ends where the bytes end: whether that is the end, their reader knows.

export interface ServerSentEvent {
  readonly name: string | undefined
  readonly id: string | undefined
  readonly data: unknown
}

/** Throws the reason of an aborted signal. Whoever stops reading hangs up. `onBytes`: something came, be it a comment. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  onBytes: () => void = () => {},
): AsyncGenerator<ServerSentEvent, void, void> {
  const reader = body.getReader()
  const hangUp = () => void reader.cancel().catch(() => {}) // of a body that has broken nothing is left to cancel
  signal.addEventListener('abort', hangUp, { once: true })
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      onBytes()
      const known = Math.max(0, text.length - 1) // in the last character an end may begin
      text += decoder.decode(next.value, { stream: true })
      for (let at = text.indexOf('\n\n', known); at >= 0; at = text.indexOf('\n\n')) {
        const event = readEvent(text.slice(0, at))
        text = text.slice(at + 2)
        if (event) yield event
      }
    }
    signal.throwIfAborted() // to a reader, hanging up looks like the end
  } finally {
    signal.removeEventListener('abort', hangUp)
    hangUp()
  }
}

/** undefined: a comment, which keeps the connection. */
function readEvent(text: string): ServerSentEvent | undefined {
  const fields = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, field = '', value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? []
    fields.set(field, fields.has(field) ? `${fields.get(field)}\n${value}` : value)
  }
  const data = fields.get('data')
  return data === undefined ? undefined : { name: fields.get('event'), id: fields.get('id'), data: JSON.parse(data) }
}
