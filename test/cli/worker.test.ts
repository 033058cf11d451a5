// Gateways and workers as processes of their own over one DATA_DIR, with the preview engine: as a person would run them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BUNDLED_VOICE_FILE } from '../../src/main.ts'
import { type CommandProcess, startCommand } from '../harness/command.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true, force: true }))
const key = 'cb_test'
const environment = {
  DATA_DIR: path.join(folder, 'data'),
  PORT: '0',
  LOG_LEVEL: 'warn',
  MODEL: 'preview',
  BOOTSTRAP_API_KEY: key,
  RATE_LIMIT_RPM: '0',
}
// Some pieces: each takes the preview a few hundred milliseconds on an idle machine.
const LONG_TEXT = 'A longer text that takes a while to speak. '.repeat(24)

interface Running {
  readonly child: CommandProcess
  readonly url: string
  readonly greeting: string
  /** Of standard error, when the process has ended. */
  readonly log: Promise<string>
}

const running = new Set<CommandProcess>()
after(() => {
  for (const child of running) child.kill('SIGKILL')
})

/** Until the last line of its greeting. */
async function start(args: readonly string[], settings: Record<string, string>, lastLine: string): Promise<Running> {
  const child = startCommand(args, { ...environment, ...settings })
  running.add(child)
  child.once('close', () => running.delete(child))
  const log = text(child.stderr)
  let greeting = ''
  for await (const line of createInterface(child.stdout)) {
    greeting += `${line}\n`
    if (line.includes(lastLine)) break
  }
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(greeting)?.[0]
  assert.ok(url, greeting || (await log))
  return { child, url, greeting, log }
}
const startGateway = (settings = {}) => start(['serve', '--no-worker'], settings, '-o hello.wav')
const startWorker = (settings = {}) => start(['worker', '--port', '0'], settings, 'Health')

async function stop({ child, log }: Running, signal: NodeJS.Signals = 'SIGTERM'): Promise<string> {
  child.kill(signal)
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
  if (signal === 'SIGTERM') assert.equal(child.exitCode, 0, await log)
  return log
}

async function speak(url: string, words = 'Hello.', headers: Record<string, string> = {}): Promise<Response> {
  const body = new FormData()
  body.set('text', words)
  body.set('reference_audio', new Blob([await readFile(BUNDLED_VOICE_FILE)]), 'reference.wav')
  return fetch(`${url}/v1/chatterbox-turbo-tts`, { method: 'POST', headers: { 'x-api-key': key, ...headers }, body })
}

async function creditsAt(url: string): Promise<number> {
  const answer = await fetch(`${url}/v1/get-user-credits`, { headers: { 'x-api-key': key } })
  return ((await answer.json()) as { credits: number }).credits
}

const metricsOf = async (url: string) => (await fetch(`${url}/metrics`)).text()

async function until(look: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await look()) return
    await sleep(50)
  }
  assert.fail('it never happened')
}

test('a request waits for a worker; one that comes up speaks it and says what it had to start', async () => {
  const gateway = await startGateway()
  assert.match(gateway.greeting, /Engine {3}none here/)
  const asked = speak(gateway.url)
  await until(async () => /chatterbox_queue_jobs\{mode="sync"\} 1/.test(await metricsOf(gateway.url)))
  const worker = await startWorker()
  const answer = await asked
  assert.deepEqual([answer.status, answer.headers.get('x-model')], [200, 'preview'])
  assert.equal(answer.headers.get('x-cold-start'), 'engine')
  assert.ok((await answer.arrayBuffer()).byteLength > 10_000)
  const warm = await speak(gateway.url)
  assert.equal(warm.headers.get('x-cold-start'), 'none')

  for (const name of ['healthz', 'readyz']) assert.equal((await fetch(`${worker.url}/${name}`)).status, 200, name)
  assert.match(await metricsOf(worker.url), /chatterbox_jobs_total\{mode="sync",outcome="completed"\} 2/)
  assert.equal((await fetch(`${worker.url}/v1/get-user-credits`)).status, 404)
  for (const one of [worker, gateway]) assert.equal(await stop(one), '', 'nothing to warn of')
})

test('where no worker comes, the deadline is 503 with Retry-After, and nothing is held or charged', async () => {
  const gateway = await startGateway({ REQUEST_TIMEOUT_SECONDS: '1' })
  const before = await creditsAt(gateway.url)
  const answer = await speak(gateway.url)
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '10'])
  const { code, request_id } = (await answer.json()) as { code: string; request_id: string }
  assert.equal(code, 'unavailable')
  await until(async () => /chatterbox_queue_jobs\{mode="sync"\} 0/.test(await metricsOf(gateway.url)))
  const poll = await fetch(`${gateway.url}/v1/requests/${request_id}`, { headers: { 'x-api-key': key } })
  assert.notEqual(((await poll.json()) as { status?: string }).status, 'QUEUED')
  assert.equal(await creditsAt(gateway.url), before)
  await stop(gateway)
})

test('two gateways and two workers are one service: one key, one result, one charge, whoever is killed', async () => {
  const [one, other] = await Promise.all([startGateway(), startGateway()])
  const workers = await Promise.all([startWorker(), startWorker()])
  const before = await creditsAt(one.url)
  const asked = speak(one.url, LONG_TEXT, { 'idempotency-key': 'k' })
  let busy: Running | undefined
  await until(async () => {
    for (const worker of workers) {
      if (/chatterbox_worker_jobs_running 1/.test(await metricsOf(worker.url))) busy = worker
    }
    return busy !== undefined
  })
  assert.ok(busy)
  await sleep(500) // some pieces are made
  await stop(busy, 'SIGKILL')
  const answer = await asked
  assert.equal(answer.status, 200)
  const bytes = Buffer.from(await answer.arrayBuffer())

  const again = await speak(other.url, LONG_TEXT, { 'idempotency-key': 'k' })
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  assert.ok(Buffer.from(await again.arrayBuffer()).equals(bytes))
  const conflict = await speak(other.url, 'Another text.', { 'idempotency-key': 'k' })
  assert.equal(conflict.status, 422)
  const cost = Number(answer.headers.get('x-cost'))
  assert.equal(Math.round((before - (await creditsAt(other.url))) * 1e6), Math.round(cost * 1e6))

  // What was put together from two workers' pieces is what one alone makes.
  const fresh = await speak(other.url, LONG_TEXT)
  assert.ok(Buffer.from(await fresh.arrayBuffer()).equals(bytes))
  for (const left of [...workers.filter((worker) => worker !== busy), one, other]) await stop(left)
})

test('a worker that is stopped hands back what it cannot finish, and another goes on', async () => {
  const gateway = await startGateway()
  const first = await startWorker({ SHUTDOWN_TIMEOUT_SECONDS: '0' })
  const asked = speak(gateway.url, LONG_TEXT)
  await until(async () => /chatterbox_worker_jobs_running 1/.test(await metricsOf(first.url)))
  await sleep(500)
  await stop(first)
  const second = await startWorker()
  const answer = await asked
  assert.equal(answer.status, 200)
  assert.ok((await answer.arrayBuffer()).byteLength > 500_000)
  for (const left of [second, gateway]) await stop(left)
})

test('a long request whose worker is killed in its middle goes on with the pieces that are made, to the same bytes', async () => {
  const [gateway, first] = await Promise.all([startGateway(), startWorker()])
  const headers = { 'x-api-key': key }
  const body = new FormData()
  body.set('text', LONG_TEXT)
  body.set('reference_audio', new Blob([await readFile(BUNDLED_VOICE_FILE)]), 'reference.wav')
  const before = await creditsAt(gateway.url)
  const submitted = await fetch(`${gateway.url}/v2/chatterbox-turbo-tts`, { method: 'POST', headers, body })
  const { request_id: id, response_url: url } = (await submitted.json()) as Record<string, string>
  const events = await fetch(`${gateway.url}/v2/requests/${id}/events`, { headers })
  let seen = ''
  let second: Running | undefined
  for await (const part of events.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    seen += part
    if (second || !seen.includes('id: 1\n')) continue
    await stop(first, 'SIGKILL')
    assert.ok(!seen.includes('event: done'), 'killed too late to tell')
    second = await startWorker()
  }
  const indexes = [...seen.matchAll(/^id: (\d+)$/gm)].map(([, index]) => Number(index))
  assert.deepEqual(indexes, [...indexes.keys()])
  assert.match(seen, /event: done\nid: done\ndata: \{"status":"COMPLETED"/)
  const done = (await (await fetch(String(url), { headers })).json()) as {
    output: string
    metrics: { cost: number; retry_count: number }
  }
  assert.equal(done.metrics.retry_count, 1)
  assert.equal(Math.round((before - (await creditsAt(gateway.url))) * 1e6), Math.round(done.metrics.cost * 1e6))
  const bytes = Buffer.from(await (await fetch(done.output)).arrayBuffer())
  const whole = await speak(gateway.url, LONG_TEXT)
  assert.ok(Buffer.from(await whole.arrayBuffer()).equals(bytes))
  for (const one of [gateway, second]) if (one) await stop(one)
})
