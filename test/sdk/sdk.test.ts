// The hosted API's own Python client, unmodified, against a server of ours: what it needs of v1 and v2, call by call.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { createServer, request as forward, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readConfig } from '../../src/config.ts'
import type { CompletedRequest, FailedRequest, PendingRequest, SubmittedRequest } from '../../src/contract/requests.ts'
import { BUNDLED_VOICE_FILE, startServer } from '../../src/main.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { createToneEngine } from '../harness/tone-engine.ts'
import { findPythonSdk } from './python-sdk.ts'

interface Download {
  readonly status: number
  readonly type: string
  readonly bytes: number
}
type Raised = Readonly<Record<'run_sync' | 'submit_async', { readonly status: number; readonly detail: string }>>

const KEY = 'SG_0123456789abcdef'
const found = await findPythonSdk()
const skip = typeof found === 'string' ? found : false
const sdk = typeof found === 'string' ? undefined : found

const engineHooks = { delayMs: 0 }
const engine = createToneEngine(async (_, __, signal) => {
  await sleep(engineHooks.delayMs, undefined, { signal })
})

const dataDir = await makeTemporaryFolder()
const start = async (settings: Record<string, string> = {}) => {
  const common = { DATA_DIR: dataDir, PORT: '0', BOOTSTRAP_API_KEY: KEY, RATE_LIMIT_RPM: '60', BOOTSTRAP_CREDITS: '1' }
  const server = await startServer(readConfig({ ...common, ...settings }, {}), quietLog, { engine })
  after(() => server[Symbol.asyncDispose]())
  return server.url
}

/** What a reverse proxy in front of a path does: `/tts/v1/…` there is `/v1/…` here. */
async function startPrefixProxy(
  prefix: string,
): Promise<{ url: string; forwardTo(target: string): void; server: Server }> {
  let target = ''
  const server = createServer((request, response) => {
    if (!request.url?.startsWith(`${prefix}/`)) return response.writeHead(404).end()
    const options = { method: request.method, headers: request.headers, agent: false }
    const onward = forward(`${target}${request.url.slice(prefix.length)}`, options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`
  return { url, server, forwardTo: (address) => (target = address) }
}

const url = skip ? '' : await start()
const proxy = skip ? undefined : await startPrefixProxy('/tts')
if (proxy) proxy.forwardTo(await start({ PUBLIC_URL: proxy.url }))
after(() => rm(dataDir, { recursive: true, force: true }))

const recording = (await readFile(BUNDLED_VOICE_FILE)).toString('base64')
const PARAMETERS = {
  text: 'Hello. [laugh] Bye.',
  reference_audio: `data:audio/wav;base64,${recording}`,
  temperature: 0.7,
  seed: 42,
  min_p: 0,
  top_p: 0.9,
  top_k: 500,
  repetition_penalty: 1.3,
  norm_loudness: true,
}
const NOT_A_RECORDING = { ...PARAMETERS, reference_audio: 'data:audio/wav;base64,bm8gcmVjb3JkaW5n' }

async function call<T>(name: string, parameters: object, baseUrl = `${url}/v1`, key = KEY): Promise<T> {
  assert.ok(sdk)
  return sdk.call<T>(name, baseUrl, key, parameters)
}

test('the client is one that has the asynchronous API', { skip }, (t) => {
  const [major = 0, minor = 0] = (sdk?.version ?? '').split('.').map(Number)
  assert.ok(major === 1 && minor >= 1, sdk?.version)
  t.diagnostic(`segmind ${sdk?.version}`)
})

test('run_sync gets the bytes and the accounting headers', { skip }, async () => {
  const { status, headers, bytes } = await call<{ status: number; headers: Record<string, string>; bytes: number }>(
    'run_sync',
    PARAMETERS,
  )
  assert.deepEqual([status, headers['content-type'], headers['content-length']], [200, 'audio/wav', String(bytes)])
  for (const name of ['x-request-id', 'x-cost', 'x-remaining-credits', 'x-generation-time', 'x-seed-value']) {
    assert.ok(headers[name], name)
  }
  assert.match(headers['x-rate-limit-reset-at-utc'] ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
})

test('run submits, waits and returns a result whose output anybody can download', { skip }, async () => {
  const { result, download } = await call<{ result: CompletedRequest; download: Download }>('run', PARAMETERS)
  assert.deepEqual([result.status, result.error, result.seed], ['COMPLETED', null, '42'])
  assert.deepEqual(download, { status: 200, type: 'audio/wav', bytes: Number(result.audio.file_size) })
  assert.ok((result.metrics.inference_time ?? -1) >= 0 && result.metrics.cost > 0)
})

test('submit_async returns at once with absolute URLs, and its states come in order', { skip }, async (t) => {
  engineHooks.delayMs = 60
  t.after(() => {
    engineHooks.delayMs = 0
  })
  const { submitted, seen, result, again } = await call<{
    submitted: SubmittedRequest
    seen: string[]
    result: CompletedRequest
    again: CompletedRequest
  }>('submit_and_wait', PARAMETERS)
  assert.deepEqual(
    [submitted.status, submitted.poll_url, submitted.status_url, submitted.response_url],
    [
      'QUEUED',
      `${url}/v1/requests/${submitted.request_id}`,
      `${url}/v2/requests/${submitted.request_id}/status`,
      `${url}/v2/requests/${submitted.request_id}`,
    ],
  )
  assert.deepEqual(
    seen.filter((state) => state !== 'QUEUED'),
    ['PROCESSING', 'COMPLETED'],
  )
  assert.deepEqual(again, result)
})

test('a failed run is InferenceFailed with the error as its detail, and the result says the same', {
  skip,
}, async () => {
  const { detail, status_body, result } = await call<{
    detail: string
    status_body: FailedRequest
    result: FailedRequest
  }>('fail', NOT_A_RECORDING)
  assert.match(detail, /^Reference media rejected: /)
  assert.deepEqual([status_body.status, status_body.code], ['FAILED', 'invalid_reference_audio'])
  assert.equal('cost' in status_body.metrics, false)
  assert.deepEqual(result, status_body)
})

test('a run that takes longer than its caller waits is InferenceTimeout, and goes on', { skip }, async (t) => {
  engineHooks.delayMs = 150
  t.after(() => {
    engineHooks.delayMs = 0
  })
  const { request_id, submitted, status } = await call<{
    request_id: string
    submitted: string
    status: PendingRequest
  }>('time_out', PARAMETERS)
  assert.equal(request_id, submitted)
  assert.ok(['QUEUED', 'PROCESSING'].includes(status.status), status.status)
})

test('refusals are SegmindError with our status and words', { skip }, async () => {
  const wrongKey = await call<Raised>('refused', { body: PARAMETERS }, `${url}/v1`, 'SG_ffffffffffffffff')
  const wrongSlug = await call<Raised>('refused', { body: PARAMETERS, slug: 'no-such-model' })
  const wrongValue = await call<Raised>('refused', { body: { ...PARAMETERS, temperature: 9 } })
  for (const name of ['run_sync', 'submit_async'] as const) {
    assert.deepEqual([wrongKey[name].status, wrongSlug[name].status, wrongValue[name].status], [401, 404, 400], name)
    assert.match(wrongKey[name].detail, /^Unauthorized\. API key is invalid or may have expired\./)
    assert.equal(wrongValue[name].detail, 'temperature must be between 0.05 and 2.')
  }
  const id = '0'.repeat(32)
  assert.deepEqual(await call('unknown_request', { body: PARAMETERS, id }), {
    status: 404,
    detail: `Request ${id} not found`,
  })
})

test('the base URL may end in a slash, lack its version, or lie below a path', { skip }, async () => {
  for (const baseUrl of [`${url}/v1/`, url, `${proxy?.url}/v1`, `${proxy?.url}/v1/`]) {
    const { result, download } = await call<{ result: CompletedRequest; download: Download }>(
      'run',
      PARAMETERS,
      baseUrl,
    )
    assert.deepEqual([result.status, download.status], ['COMPLETED', 200], baseUrl)
    assert.ok(result.output.startsWith(baseUrl.replace(/\/v1\/?$/, '/outputs/')), result.output)
    const { status } = await call<{ status: number }>('run_sync', PARAMETERS, baseUrl)
    assert.equal(status, 200, baseUrl)
  }
})

test('seventy polls in a row are seventy answers', { skip }, async () => {
  assert.deepEqual(await call('poll_often', PARAMETERS), { polls: 70 })
})
