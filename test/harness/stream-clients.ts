// Many streams at once, in the three ways there are, whose callers leave when they like.
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { openStream } from '../http/streaming.ts'

export const WAYS = ['chunks', 'events', 'websocket'] as const
export type Way = (typeof WAYS)[number]

export interface HeldStream {
  readonly way: Way
  readonly requestId: string
  /** True: the stream came to its end. False: it broke off. */
  readonly isWhole: Promise<boolean>
  /** Why it broke off, as far as it was said. */
  lastWords(): string
  hangUp(): void
}

export interface StreamOptions {
  readonly port: number
  readonly key: string
  readonly text: string
}

/** Resolves when the first sound is there. */
export function openStreamBy(way: Way, options: StreamOptions): Promise<HeldStream> {
  return way === 'websocket' ? openByWebSocket(options) : openByHttp(way, options)
}

async function openByHttp(way: 'chunks' | 'events', { port, key, text }: StreamOptions): Promise<HeldStream> {
  const body = { text, reference_audio: 'voice:ada', output_format: 'mp3' }
  const events = way === 'events' ? { stream_format: 'sse' } : {}
  const { response, whole, firstBytes, hangUp } = await openStream(port, key, { ...body, ...events })
  if (response.statusCode !== 200) throw new Error(`${way}: ${response.statusCode} ${await whole}`)
  await firstBytes
  const isWhole = whole.then(
    (bytes) => bytes !== undefined && (way === 'chunks' || bytes.includes('speech.audio.done')),
  )
  return { way, requestId: String(response.headers['x-request-id']), isWhole, lastWords: () => '', hangUp }
}

async function openByWebSocket({ port, key, text }: StreamOptions): Promise<HeldStream> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/speech/ws`, { headers: { 'x-api-key': key } })
  await once(socket, 'open')
  for (const message of [
    { type: 'start', voice: 'ada', output_format: 'mp3', cut: 'flush' },
    { type: 'text', text },
    { type: 'end' },
  ]) {
    socket.send(JSON.stringify(message))
  }
  let ended = false
  let lastWords = ''
  const isWhole = once(socket, 'close').then(([code]) => {
    lastWords += ` ${code}`
    return ended
  })
  const requestId = await new Promise<string>((resolve, reject) => {
    let id = ''
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) return resolve(id)
      const event = JSON.parse(data.toString()) as { type: string; request_id?: string }
      if (event.type === 'utterance-start') id = event.request_id ?? ''
      if (event.type === 'utterance-end') ended = true
      if (event.type !== 'error') return
      lastWords = data.toString()
      reject(new Error(lastWords))
    })
    socket.once('close', () => reject(new Error('closed before the first sound')))
  })
  return { way: 'websocket', requestId, isWhole, lastWords: () => lastWords, hangUp: () => socket.terminate() }
}
