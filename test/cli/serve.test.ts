import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { decodeAudio } from '../../src/audio/decode/decode.ts'
import { pitchStatistics, trackPitch } from '../../src/audio/pitch.ts'
import { BUNDLED_VOICE_FILE } from '../../src/main.ts'
import { type CommandProcess, runCommand, startCommand } from '../harness/command.ts'
import { rms } from '../harness/signals.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const dataDir = await makeTemporaryFolder()
after(() => rm(dataDir, { recursive: true, force: true }))
const environment = { DATA_DIR: path.join(dataDir, 'data'), PORT: '0', LOG_LEVEL: 'warn' }

interface Serving {
  readonly child: CommandProcess
  readonly url: string
  readonly greeting: string
}

async function serve(): Promise<Serving> {
  const child = startCommand(['serve'], environment)
  child.stderr.pipe(process.stderr)
  let greeting = ''
  for await (const line of createInterface(child.stdout)) {
    greeting += `${line}\n`
    if (line.includes('-o hello.wav')) break
  }
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(greeting)?.[0]
  assert.ok(url, greeting)
  return { child, url, greeting }
}

async function stop({ child }: Serving, signal: NodeJS.Signals): Promise<number | null> {
  child.kill(signal)
  if (child.exitCode === null) await once(child, 'close')
  return child.exitCode
}

const recordingOf = (bytes: Uint8Array) =>
  decodeAudio(bytes, { maxSeconds: 60, cpuMs: 20_000 }, new AbortController().signal)

const pitchOf = async (bytes: Uint8Array): Promise<number> => {
  const { samples, sampleRate } = await recordingOf(bytes)
  const pitch = pitchStatistics(trackPitch(samples, sampleRate))
  assert.ok(pitch)
  return pitch.medianHz
}

const ask = async (url: string, key: string, fields: Record<string, string> = {}): Promise<Response> => {
  const body = new FormData()
  body.set('text', 'Hello! This voice was made on my own machine, and it follows the recording.')
  body.set('reference_audio', new Blob([await readFile(BUNDLED_VOICE_FILE)]), 'reference.wav')
  for (const [name, value] of Object.entries(fields)) body.set(name, value)
  return fetch(`${url}/v1/chatterbox-turbo-tts`, { method: 'POST', headers: { 'x-api-key': key }, body })
}

let key = ''
let firstSpeech = new Uint8Array()

test('the first start prints a key and a request that is answered with speech like the reference', async () => {
  const server = await serve()
  key = /API key {2}(cb_[0-9a-f]{32})/.exec(server.greeting)?.[1] ?? ''
  assert.ok(key, server.greeting)
  assert.ok(server.greeting.includes(`-H 'x-api-key: ${key}'`) && server.greeting.includes(BUNDLED_VOICE_FILE))

  const answer = await ask(server.url, key)
  assert.deepEqual([answer.status, answer.headers.get('x-model')], [200, 'preview'])
  firstSpeech = new Uint8Array(await answer.arrayBuffer())
  const { samples, sampleRate } = await recordingOf(firstSpeech)
  assert.equal(sampleRate, 24_000)
  assert.ok(samples.length > sampleRate, 'longer than a second')
  assert.ok(20 * Math.log10(rms(samples)) > -35, `${20 * Math.log10(rms(samples))} dBFS`)
  assert.ok(
    samples.every((sample) => Math.abs(sample) < 0.999),
    'not clipped',
  )
  const [reference, spoken] = [await pitchOf(await readFile(BUNDLED_VOICE_FILE)), await pitchOf(firstSpeech)]
  assert.ok(Math.abs(spoken / reference - 1) < 0.1, `pitch ${spoken} Hz, reference ${reference} Hz`)

  for (const format of ['mp3', 'ogg', 'flac']) {
    const encoded = new Uint8Array(await (await ask(server.url, key, { output_format: format })).arrayBuffer())
    const decoded = await recordingOf(encoded)
    const seconds = decoded.samples.length / decoded.sampleRate
    assert.ok(Math.abs(seconds - samples.length / sampleRate) < 0.001, `${format}: ${seconds} s`)
  }
  assert.equal(await stop(server, 'SIGINT'), 0)
})

test('a second start finds key, credits and results, and gives the same speech for the same seed', async () => {
  const server = await serve()
  assert.ok(!server.greeting.includes('cb_'), 'the key is shown once')
  const credits = await fetch(`${server.url}/v1/get-user-credits`, { headers: { 'x-api-key': key } })
  const before = ((await credits.json()) as { credits: number }).credits
  assert.ok(before < 10 && before > 9.9, String(before))
  const again = new Uint8Array(await (await ask(server.url, key)).arrayBuffer())
  assert.deepEqual(Buffer.from(again), Buffer.from(firstSpeech))
  assert.equal(await stop(server, 'SIGTERM'), 0)
})

test('a request in flight is finished before the server stops', async () => {
  const server = await serve()
  const asked = ask(server.url, key, { text: 'A longer text that takes a while to speak. '.repeat(12) })
  await waitForEngine(server.url)
  const stopped = stop(server, 'SIGTERM')
  const answer = await asked
  assert.equal(answer.status, 200)
  assert.ok((await answer.arrayBuffer()).byteLength > 100_000)
  assert.equal(await stopped, 0)
})

/** Until a request is being worked on. */
async function waitForEngine(url: string): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    if (/^chatterbox_worker_jobs_running 1$/m.test(metrics)) return
  }
}

test('keys and credits are managed beside a running server, and a revoked key is refused at once', async () => {
  const server = await serve()
  const made = await runCommand(['keys', 'create', 'second'], environment)
  const second = made.stdout.toString().trim()
  const check = (apiKey: string) => fetch(`${server.url}/v1/get-user-credits`, { headers: { 'x-api-key': apiKey } })
  assert.equal((await check(second)).status, 200)
  const granted = await runCommand(['credits', 'grant', '5'], environment)
  const { credits } = (await (await check(second)).json()) as { credits: number }
  assert.equal(granted.stdout.toString(), `${credits} credits\n`)
  const id = /Key ([0-9a-f]{32})/.exec(made.stderr)?.[1] ?? ''
  const revoked = await runCommand(['keys', 'revoke', id], environment)
  assert.equal(revoked.code, 0, revoked.stderr)
  assert.equal((await check(second)).status, 401)
  assert.equal(await stop(server, 'SIGTERM'), 0)
})

test('a wrong setting is one line that names it, and nothing is started', async () => {
  const { code, stderr } = await runCommand(['serve', '--port', '70000'], environment)
  assert.equal(code, 1)
  assert.match(stderr, /^error: Wrong settings:\n {2}PORT: .*\n$/)
})

test('a port that is taken is said in words', async () => {
  const server = await serve()
  const { port } = new URL(server.url)
  const { code, stderr } = await runCommand(['serve', '--port', port], environment)
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`^error: .*${port}.*in use`, 'm'))
  assert.equal(await stop(server, 'SIGTERM'), 0)
})
