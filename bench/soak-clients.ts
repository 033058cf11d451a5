// Clients of both APIs who do all that clients do: order, retry, poll, upload, download in part, hang up, cancel and make mistakes.
import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeAudio } from '../src/audio/encode/encoder.ts'
import { MODEL_SLUG } from '../src/contract/models.ts'
import type { Delivery } from '../test/harness/money-audit.ts'
import { speechLike } from '../test/harness/signals.ts'

const TEXTS = ['Yes.', 'Good morning.', 'Nine past two. [laugh]', 'Come in.']
const FORMATS = ['wav', 'mp3', 'ogg', 'flac'] as const
const GIVE_UP_AFTER_MS = 120_000

/** What is done, and how often out of 100 times. */
const DEEDS = {
  order: 34,
  orderTwice: 12,
  submit: 22,
  submitWithWebhook: 8,
  hangUp: 8,
  cancel: 4,
  mistake: 8,
  upload: 2,
  look: 2,
} as const
type Deed = keyof typeof DEEDS

export interface ClientsOptions {
  readonly baseUrl: string
  readonly apiKeys: readonly string[]
  readonly webhookUrl: string
}

export interface Clients {
  /** Every recording that arrived whole. */
  readonly deliveries: readonly Delivery[]
  /** What no client provoked, by kind. */
  readonly errors: Map<string, number>
  /** Answers that were wanted, the refusals among them, by kind. */
  readonly answers: ReadonlyMap<string, number>
  /** Requests whose end a webhook has to tell. */
  readonly expectedWebhooks: ReadonlySet<string>
  /** `count` clients at once for so long, each of whom does one thing after the other. */
  run(count: number, seconds: number): Promise<ClientsResult>
}

export interface ClientsResult {
  readonly deedsPerSecond: number
  readonly httpPerSecond: number
  readonly errors: number
  /** v1: from sending to the last byte of sound, ascending. */
  readonly speechMs: readonly number[]
  /** v2: from submitting to the last byte of sound, ascending. */
  readonly jobMs: readonly number[]
}

/** What was not to be; the message is its kind. */
class Unprovoked extends Error {}

export async function createClients({ baseUrl, apiKeys, webhookUrl }: ClientsOptions): Promise<Clients> {
  const deliveries: Delivery[] = []
  const errors = new Map<string, number>()
  const answers = new Map<string, number>()
  const expectedWebhooks = new Set<string>()
  let httpRequests = 0
  let speechMs: number[] = []
  let jobMs: number[] = []
  let recordings = 0
  const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T
  const note = (notes: Map<string, number>, kind: string) => notes.set(kind, (notes.get(kind) ?? 0) + 1)

  interface Call {
    readonly method?: string
    readonly body?: string
    readonly headers?: Record<string, string>
    readonly signal?: AbortSignal
  }
  /** One exchange that has to end with `status`. */
  const call = async (what: string, url: string, status: number, options: Call = {}) => {
    httpRequests += 1
    const headers: Record<string, string> = options.body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(url.startsWith('/') ? baseUrl + url : url, {
      ...options,
      headers: { ...headers, ...options.headers },
    })
    const bytes = Buffer.from(await response.arrayBuffer())
    if (response.status === status) {
      note(answers, `${what} ${status}`)
      return { headers: response.headers, bytes, json: () => JSON.parse(bytes.toString()) as Record<string, string> }
    }
    const { code } = JSON.parse(bytes.toString() || '{}') as { code?: string }
    throw new Unprovoked(`${what}: ${response.status} ${code} instead of ${status}`)
  }
  const insist = (what: string, holds: boolean) => {
    if (!holds) throw new Unprovoked(what)
  }
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

  const upload = async (key: string): Promise<string> => {
    recordings += 1
    const samples = speechLike(5.5, 16_000)
    samples[0] = (recordings % 30_000) / 32_768 // another recording each time: nobody has heard this voice
    const recording = Buffer.from(await encodeAudio(samples, 16_000, 'wav')).toString('base64')
    const body = JSON.stringify({ data_urls: [`data:audio/wav;base64,${recording}`] })
    const answer = await call('upload', '/v1/upload-asset', 200, {
      method: 'POST',
      headers: { 'x-api-key': key },
      body,
    })
    const { urls } = answer.json() as unknown as { urls: string[] }
    return urls[0] as string
  }
  const voices = new Map<string, string>()
  for (const key of apiKeys) voices.set(key, await upload(key))

  const speech = (key: string, more: object = {}) =>
    JSON.stringify({
      text: pick(TEXTS),
      reference_audio: voices.get(key),
      seed: 1 + Math.floor(Math.random() * 1000),
      output_format: pick(FORMATS),
      ...more,
    })
  const order = async (key: string, body: string, headers: Record<string, string> = {}) => {
    const startedAt = performance.now()
    const options = { method: 'POST', headers: { 'x-api-key': key, ...headers }, body }
    const answer = await call('v1', `/v1/${MODEL_SLUG}`, 200, options)
    speechMs.push(performance.now() - startedAt)
    deliveries.push({ jobId: answer.headers.get('x-request-id') ?? '', sha256: sha256(answer.bytes) })
    return answer
  }
  const submit = async (key: string, more: object = {}) => {
    const headers = { 'x-api-key': key, 'idempotency-key': randomUUID() }
    const body = speech(key, more)
    const answer = await call('v2 submit', `/v2/${MODEL_SLUG}`, 200, { method: 'POST', headers, body })
    return answer.json() as { request_id: string; status_url: string; response_url: string; poll_url: string }
  }
  const follow = async (key: string, job: Awaited<ReturnType<typeof submit>>): Promise<void> => {
    const headers = { 'x-api-key': key }
    const query = Math.random() < 0.5 ? '?wait=5' : ''
    const giveUpAt = performance.now() + GIVE_UP_AFTER_MS
    for (;;) {
      const { status } = (await call('v2 status', job.status_url + query, 200, { headers })).json()
      if (status === 'COMPLETED') break
      insist(`v2 job: ${status}`, status === 'QUEUED' || status === 'PROCESSING')
      insist('v2 job: no end within two minutes', performance.now() < giveUpAt)
      if (!query) await sleep(100)
    }
    const { output = '' } = (await call('v2 result', pick([job.response_url, job.poll_url]), 200, { headers })).json()
    const { bytes } = await call('download', output, 200)
    deliveries.push({ jobId: job.request_id, sha256: sha256(bytes) })
    const part = await call('download range', output, 206, { headers: { range: 'bytes=10-109' } })
    insist('download range: other bytes', part.bytes.equals(bytes.subarray(10, 110)))
  }

  const deeds: Record<Deed, (key: string) => Promise<unknown>> = {
    order: (key) => order(key, speech(key)),
    async orderTwice(key) {
      const headers = { 'idempotency-key': randomUUID() }
      const body = speech(key)
      const both =
        Math.random() < 0.3
          ? await Promise.all([order(key, body, headers), order(key, body, headers)])
          : [await order(key, body, headers), await order(key, body, headers)]
      insist('idempotent retry: other bytes', both[0]?.bytes.equals(both[1]?.bytes ?? Buffer.alloc(0)) ?? false)
      insist(
        'idempotent retry: spoken twice',
        both.some((one) => one.headers.get('idempotent-replayed') === 'true'),
      )
      if (Math.random() < 0.2) {
        const options = {
          method: 'POST',
          headers: { 'x-api-key': key, ...headers },
          body: speech(key, { text: 'No.' }),
        }
        await call('v1 key of another body', `/v1/${MODEL_SLUG}`, 422, options)
      }
    },
    async submit(key) {
      const startedAt = performance.now()
      await follow(key, await submit(key))
      jobMs.push(performance.now() - startedAt)
    },
    async submitWithWebhook(key) {
      const job = await submit(key, { webhook_url: webhookUrl })
      expectedWebhooks.add(job.request_id)
      await follow(key, job)
    },
    async hangUp(key) {
      const signal = AbortSignal.timeout(Math.floor(Math.random() * 300))
      const options = { method: 'POST', headers: { 'x-api-key': key }, body: speech(key), signal }
      await call('v1 not hung up in time', `/v1/${MODEL_SLUG}`, 200, options).catch((error: unknown) => {
        if (!signal.aborted || error instanceof Unprovoked) throw error
        note(answers, 'v1 hung up')
      })
    },
    async cancel(key) {
      const job = await submit(key)
      await sleep(Math.random() * 200)
      const options = { method: 'DELETE', headers: { 'x-api-key': key } }
      await call('v2 cancel', `/v2/requests/${job.request_id}`, 200, options)
    },
    mistake(key) {
      const post = (body: string, headers: Record<string, string> = { 'x-api-key': key }) => ({
        method: 'POST',
        headers,
        body,
      })
      const v1 = `/v1/${MODEL_SLUG}`
      return pick([
        () => call('broken JSON', v1, 400, post('{"text": "Hello')),
        () => call('no text', `/v2/${MODEL_SLUG}`, 400, post('{"reference_audio": "https://example.com/a.wav"}')),
        () => call('bad temperature', v1, 400, post(speech(key, { temperature: 9 }))),
        () => call('unknown key', v1, 401, post(speech(key), { 'x-api-key': 'nobody' })),
        () => call('no such request', `/v2/requests/${'0'.repeat(32)}`, 404, { headers: { 'x-api-key': key } }),
        () => call('no sound', v1, 400, post(speech(key, { reference_audio: 'data:audio/wav;base64,UklGRg==' }))),
      ])()
    },
    async upload(key) {
      const voice = await upload(key)
      await order(key, speech(key, { reference_audio: voice }))
      voices.set(key, voice)
    },
    look: (key) => call('credits', '/v1/get-user-credits', 200, { headers: { 'x-api-key': key } }),
  }
  const urn = (Object.keys(DEEDS) as Deed[]).flatMap((deed) => Array<Deed>(DEEDS[deed]).fill(deed))

  return {
    deliveries,
    errors,
    answers,
    expectedWebhooks,
    async run(count, seconds) {
      speechMs = []
      jobMs = []
      httpRequests = 0
      let done = 0
      let failed = 0
      const startedAt = performance.now()
      const until = startedAt + seconds * 1000
      const client = async () => {
        while (performance.now() < until) {
          const deed = pick(urn)
          try {
            await deeds[deed](pick(apiKeys))
          } catch (error) {
            failed += 1
            const { message, cause } = error as Error
            note(errors, error instanceof Unprovoked ? message : `${deed}: ${message} ${cause ?? ''}`)
          }
          done += 1
        }
      }
      await Promise.all(Array.from({ length: count }, client))
      const took = (performance.now() - startedAt) / 1000
      const ascending = (times: number[]) => times.sort((a, b) => a - b)
      return {
        deedsPerSecond: done / took,
        httpPerSecond: httpRequests / took,
        errors: failed,
        speechMs: ascending(speechMs),
        jobMs: ascending(jobMs),
      }
    },
  }
}
