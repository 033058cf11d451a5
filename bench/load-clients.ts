// Worker thread: so many clients that send one request after the other for so long. On a thread of its own, so that their work does
// not stand in the way of the server that they measure.
import http from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'

export interface Load {
  readonly url: string
  /** The first client uses the first key, and so on round. */
  readonly apiKeys: readonly string[]
  /** JSON. */
  readonly body: string
  readonly clients: number
  readonly seconds: number
}

export interface LoadResult {
  readonly seconds: number
  /** From sending the request to the first byte of the body, one per request, ascending. */
  readonly firstByteMs: readonly number[]
  readonly bytes: number
}

async function run({ url, apiKeys, body, clients, seconds }: Load): Promise<LoadResult> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients })
  const firstByteMs: number[] = []
  let bytes = 0
  const startedAt = performance.now()
  const client = async (_: unknown, index: number) => {
    const headers = { 'x-api-key': apiKeys[index % apiKeys.length], 'content-type': 'application/json' }
    while (performance.now() < startedAt + seconds * 1000) {
      const answer = await send(url, headers, body, agent)
      firstByteMs.push(answer.firstByteMs)
      bytes += answer.bytes
    }
  }
  await Promise.all(Array.from({ length: clients }).map(client))
  agent.destroy()
  return { seconds: (performance.now() - startedAt) / 1000, firstByteMs: firstByteMs.sort((a, b) => a - b), bytes }
}

function send(url: string, headers: http.OutgoingHttpHeaders, body: string, agent: http.Agent) {
  return new Promise<{ firstByteMs: number; bytes: number }>((resolve, reject) => {
    const sentAt = performance.now()
    const request = http.request(url, { method: 'POST', agent, headers }, (response) => {
      let firstByteMs = 0
      let bytes = 0
      response.on('data', (part: Buffer) => {
        firstByteMs ||= performance.now() - sentAt
        bytes += part.byteLength
      })
      response.on('end', () => {
        if (response.statusCode === 200) resolve({ firstByteMs, bytes })
        else reject(new Error(`The server answered ${response.statusCode}.`))
      })
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}

parentPort?.postMessage(await run(workerData as Load))
