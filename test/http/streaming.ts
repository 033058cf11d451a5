// A streamed request over a real connection, read chunk by chunk.
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ScratchApp, SPEAK_URL, VALID } from './scratch-app.ts'

/** The first piece ends with the first sentence; each of the others is a piece of its own. */
export const SENTENCE =
  'Here is a sentence that is as long as a piece can be, so that the next one has to be another piece of its own. '
export const piecesText = (pieces: number): string => SENTENCE.repeat(pieces * 2).trim()

export async function listen({ app }: ScratchApp): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

export interface OpenAnswer {
  readonly response: IncomingMessage
  /** Everything, or undefined when the connection broke before the end. */
  readonly whole: Promise<Buffer | undefined>
  /** Resolves with the first bytes. */
  readonly firstBytes: Promise<unknown>
  hangUp(): void
}

/** Resolves with the head of the answer. */
export async function openStream(
  port: number,
  key: string,
  body: object = {},
  headers: Record<string, string> = {},
  path = SPEAK_URL,
): Promise<OpenAnswer> {
  const request = httpRequest({
    port,
    path,
    method: 'POST',
    headers: { 'x-api-key': key, 'content-type': 'application/json', ...headers },
    agent: false,
  })
  request.end(JSON.stringify({ ...VALID, stream: true, ...body }))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  request.on('error', () => {})
  const chunks: Buffer[] = []
  const firstBytes = once(response, 'data').catch(() => {})
  const whole = new Promise<Buffer | undefined>((resolve) => {
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('end', () => resolve(Buffer.concat(chunks)))
    response.on('error', () => resolve(undefined))
    response.on('close', () => resolve(undefined))
  })
  return { response, whole, firstBytes, hangUp: () => request.destroy() }
}
