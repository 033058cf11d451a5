// How many pieces of a request are done, told by the server as it happens. A connection that is lost is not opened again: the waveform and the
// polls go on without it.
import type { PieceEvent } from '../../src/contract/long-text.ts'
import { call } from './api.ts'

/** Resolves when the request has ended or the connection is gone. */
export async function followPieces(
  key: string,
  id: string,
  onPiece: (done: number, pieces: number) => void,
): Promise<void> {
  const response = await call(`v2/requests/${id}/events`, key)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  if (!reader) return
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const messages = (rest + value).split('\n\n')
    rest = messages.pop() ?? ''
    for (const message of messages) {
      const data = /^event: piece$/m.test(message) && /^data: (.*)$/m.exec(message)?.[1]
      if (!data) continue
      const { index, pieces } = JSON.parse(data) as PieceEvent
      onPiece(index + 1, pieces)
    }
  }
}
