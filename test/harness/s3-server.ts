// An S3-compatible store in this process, behind a door that can be made to fail on demand.
import crypto from 'node:crypto'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse, request as sendRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import S3rver from 's3rver'
import { makeTemporaryFolder } from './temporary-folder.ts'

export const S3_BUCKET = 'speech'
/** The only credentials that s3rver knows. */
export const S3_CREDENTIALS = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' } as const

/**
 * What becomes of a request instead of an answer: "slow down", silence, an answer that breaks off, a connection that does, or a refusal
 * that s3rver does not know: it looks at the name of a key, not at signatures.
 */
export type S3Fault = 'busy' | 'silent' | 'cut' | 'reset' | { readonly status: number; readonly code: string }

export interface TestS3 extends AsyncDisposable {
  readonly endpoint: string
  /** Each request takes the first of them, as long as there are any. */
  readonly faults: S3Fault[]
  /** Method and path of every request, with the bytes of the answer's body. */
  readonly asked: { readonly request: string; readonly bodyBytes: number }[]
}

/** `host`: the address of this machine that it is found at. */
export async function startS3(host = '127.0.0.1'): Promise<TestS3> {
  replaceDes()
  const directory = await makeTemporaryFolder()
  const configureBuckets = [{ name: S3_BUCKET, configs: [] }]
  const store = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets })
  const { port } = await store.run()
  const faults: S3Fault[] = []
  const asked: { request: string; bodyBytes: number }[] = []

  const answer = async (incoming: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const fault = faults.shift()
    const entry = { request: `${incoming.method} ${incoming.url}`, bodyBytes: 0 }
    asked.push(entry)
    if (fault === 'reset') return void incoming.socket.destroy()
    if (fault === 'silent') return void incoming.resume()
    const refusal = fault === 'busy' ? { status: 503, code: 'SlowDown' } : typeof fault === 'object' ? fault : undefined
    if (refusal) {
      incoming.resume()
      reply.writeHead(refusal.status, { 'content-type': 'application/xml' })
      return void reply.end(`<Error><Code>${refusal.code}</Code><Message>${refusal.code}.</Message></Error>`)
    }
    const { method, url: path, headers } = incoming
    const forwarded = sendRequest({ host: '127.0.0.1', port, method, path, headers, agent: false })
    incoming.pipe(forwarded)
    const [response] = (await once(forwarded, 'response')) as [IncomingMessage]
    reply.writeHead(response.statusCode ?? 500, response.headers)
    if (fault === 'cut') {
      const [bytes] = (await once(response, 'data')) as [Buffer]
      response.destroy()
      return void reply.write(bytes.subarray(0, bytes.length / 2), () => incoming.socket.destroy())
    }
    response.on('data', (bytes: Buffer) => {
      entry.bodyBytes += bytes.length
    })
    await pipeline(response, reply)
  }
  const door = createServer((incoming, reply) => {
    answer(incoming, reply).catch(() => incoming.socket.destroy())
  }).listen(0, host)
  door.keepAliveTimeout = 60_000 // a connection that the door closes in the moment of its next use is no fault that was asked for
  await once(door, 'listening')

  return {
    endpoint: `http://${host}:${(door.address() as AddressInfo).port}`,
    faults,
    asked,
    [Symbol.asyncDispose]: async () => {
      door.closeAllConnections()
      door.close()
      await store.close()
      await rm(directory, { recursive: true })
    },
  }
}

type MakeCipher = (algorithm: string, key: Buffer, iv: Buffer) => unknown

/** s3rver writes the token of a listing's next page with DES, which OpenSSL 3 has given up; triple DES with one key thrice is the same. */
function replaceDes(): void {
  const ciphers = crypto as unknown as Record<'createCipheriv' | 'createDecipheriv', MakeCipher>
  for (const name of ['createCipheriv', 'createDecipheriv'] as const) {
    const make = ciphers[name]
    ciphers[name] = (algorithm, key, iv) =>
      algorithm === 'des' ? make('des-ede3-cbc', Buffer.concat([key, key, key]), iv) : make(algorithm, key, iv)
  }
}
