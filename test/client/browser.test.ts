// The client in a page of another origin: bundled as a page would have it, in Chromium, against a server over CORS.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { after, test } from 'node:test'
import { build } from 'vite'
import { packageRoot } from '../../src/config.ts'
import { openScratchApp } from '../http/scratch-app.ts'
import { listen, piecesText } from '../http/streaming.ts'
import { skipWithoutChromium as skip, startChromium } from '../studio/chromium.ts'

const scratch = await openScratchApp()
const port = await listen(scratch)

/** One file that stands alone: what the browser has not, the bundler would have complained of. */
async function bundleClient(): Promise<string> {
  const made = await build({
    configFile: false,
    logLevel: 'error',
    root: packageRoot,
    build: {
      write: false,
      minify: true,
      lib: { entry: path.join(packageRoot, 'build/src/client/client.js'), formats: ['es'] },
    },
  })
  const [bundle] = Array.isArray(made) ? made : [made]
  assert.ok(bundle && 'output' in bundle)
  assert.equal(bundle.output.length, 1)
  return bundle.output[0].code
}

test('bundled, it stands alone, and is small', async () => {
  const code = await bundleClient()
  assert.doesNotMatch(code, /\bfrom\s*["']|\bimport\s*[("']/)
  assert.ok(code.length < 16_000, `${code.length} characters`)
})

test('a page of another origin speaks, streams, submits a recording and reads refusals', { skip }, async () => {
  const code = await bundleClient()
  const recording = await readFile(path.join(packageRoot, 'assets/reference.wav'))
  const files: Record<string, [type: string, body: string | Buffer]> = {
    '/': ['text/html', '<!doctype html><title>A page</title><link rel="icon" href="data:,">'],
    '/client.js': ['text/javascript', code],
    '/voice.wav': ['audio/wav', recording],
  }
  const pages = createServer((request, response) => {
    const [type, body] = files[request.url ?? ''] ?? ['text/plain', '']
    response.writeHead(200, { 'content-type': type }).end(body)
  })
  pages.listen(0, '127.0.0.1')
  await once(pages, 'listening')
  const browser = await startChromium()
  after(async () => {
    await browser.close()
    pages.close()
  })
  const page = await browser.newPage()
  page.setDefaultTimeout(120_000)
  await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`)
  const options = { baseUrl: `http://127.0.0.1:${port}`, apiKey: scratch.account.key }
  const seen = await page.evaluate<Seen>(`(${inThePage})(${JSON.stringify(options)}, ${JSON.stringify(piecesText(3))})`)
  assert.deepEqual(seen.speech, { seed: 7, model: 'preview', seconds: 1, cost: 0.0003, start: 'RIFF' })
  assert.ok(seen.streamed.parts > 1)
  assert.deepEqual([seen.streamed.isWhole, seen.streamed.duration], [true, seen.streamed.bytes / 48_000])
  assert.deepEqual(seen.run, { status: 'COMPLETED', start: 'ID3' })
  assert.deepEqual(seen.refusal, { name: 'ChatterboxError', status: 400, code: 'invalid_parameter', field: 'top_p' })
  assert.equal(seen.aborted, 'AbortError')
  const asked = scratch.asked.find(({ reference }) => reference.kind === 'bytes')
  assert.ok(asked?.reference.kind === 'bytes' && Buffer.from(asked.reference.bytes).equals(recording))
})

interface Seen {
  readonly speech: object
  readonly streamed: { parts: number; bytes: number; isWhole: boolean; duration: number }
  readonly run: object
  readonly refusal: object
  readonly aborted: string
}

/** As text: it runs in the page, and nothing of this file is there. */
const inThePage = `async (options, text) => {
  const { createClient } = await import('/client.js')
  const client = createClient(options)
  const start = (bytes, length) => String.fromCharCode(...bytes.subarray(0, length))
  const voice = { reference_audio: 'voice:ada' }
  const whole = await client.speak({ ...voice, text: 'Hello.', seed: 7 })
  const { seed, model, audioSeconds: seconds, cost, bytes } = whole
  const all = await client.speak({ ...voice, text, output_format: 'pcm' })
  const stream = await client.stream({ ...voice, text, output_format: 'pcm' })
  const parts = []
  for await (const part of stream) parts.push(part)
  const streamed = new Uint8Array(await new Blob(parts).arrayBuffer())
  const isWhole = streamed.length === all.bytes.length && streamed.every((byte, i) => byte === all.bytes[i])
  const recording = await (await fetch('/voice.wav')).blob()
  await client.speak({ reference_audio: recording, text: 'Hello.' })
  const run = await client.run({ reference_audio: recording, text: 'Hello.', output_format: 'mp3' })
  const refusal = await client.speak({ ...voice, text: 'Hello.', top_p: 2 }).catch((error) => error)
  const aborted = await client.credits({ signal: AbortSignal.abort() }).catch((error) => error.name)
  return {
    speech: { seed, model, seconds, cost, start: start(bytes, 4) },
    streamed: { parts: parts.length, bytes: streamed.length, isWhole, duration: stream.totals.duration },
    run: { status: run.status, start: start(run.bytes, 3) },
    refusal: { name: refusal.name, status: refusal.status, code: refusal.code, field: refusal.field },
    aborted,
  }
}`
