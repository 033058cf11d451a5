// The client against the whole server, over real connections: what it sends and what it makes of the answers.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { ChatterboxError, createClient, type RequestEvent, type SpeechStream } from '../../src/client/client.ts'
import { AppError } from '../../src/errors.ts'
import { BUNDLED_VOICE_FILE } from '../../src/main.ts'
import { holdEngine, openScratchApp, withResolvers } from '../http/scratch-app.ts'
import { listen, piecesText } from '../http/streaming.ts'

const scratch = await openScratchApp({ PRICE_PER_1000_CHARACTERS: '0.01', PUBLIC_URL: 'https://elsewhere.example' })
const port = await listen(scratch)
const { account, engine } = scratch
const clientAt = (at: number) => createClient({ baseUrl: `http://127.0.0.1:${at}`, apiKey: account.key })
const client = clientAt(port)
const PARAMETERS = { text: 'Hello.', reference_audio: 'voice:ada' } as const
const LONG = { ...PARAMETERS, text: piecesText(4), output_format: 'mp3', seed: 7 } as const
const letGo = () => {
  engine.beforeChunk = () => {}
}
const failure = async (work: Promise<unknown>): Promise<ChatterboxError> => {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ChatterboxError, String(error))
  return error
}
async function collect(stream: AsyncIterable<Uint8Array>, onPart: (parts: number) => void = () => {}): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of stream) onPart(parts.push(part))
  return Buffer.concat(parts)
}

test('speak gives the bytes, and what the headers say of them', async () => {
  const speech = await client.speak({ ...PARAMETERS, seed: 7, output_format: 'flac', ...{ mood: 1 } })
  assert.equal(Buffer.from(speech.bytes).toString('latin1', 0, 4), 'fLaC')
  const { requestId, timingsMs, generationSeconds, remainingCredits, bytes, ...rest } = speech
  assert.match(requestId, /^[0-9a-f]{32}$/)
  assert.equal(remainingCredits * 1e6, await scratch.balanceMicro())
  assert.ok(generationSeconds >= 0 && bytes.length > 1000)
  assert.deepEqual(Object.keys(timingsMs), ['queue', 'reference', 'engine', 'total'])
  assert.deepEqual(rest, {
    seed: 7,
    model: 'preview',
    mediaType: 'audio/flac',
    replayed: false,
    ignoredParameters: ['mood'],
    cost: 0.00006,
    audioSeconds: 1,
    sampleRate: 24_000,
    guards: [],
    referenceWarnings: [],
    coldStart: false,
  })
})

test('the same idempotency key gives the same speech, and is paid once', async () => {
  const options = { idempotencyKey: 'mine' }
  const [first, second] = [await client.speak(PARAMETERS, options), await client.speak(PARAMETERS, options)]
  assert.deepEqual([first.replayed, second.replayed, second.requestId], [false, true, first.requestId])
  assert.equal(second.remainingCredits, first.remainingCredits)
  const { code, status, field } = await failure(client.speak({ ...PARAMETERS, seed: 1 }, options))
  assert.deepEqual([code, status, field], ['idempotency_conflict', 422, 'Idempotency-Key'])
})

test('a recording is sent along as it is, as bytes or as a Blob', async () => {
  const recording = new Uint8Array(await readFile(BUNDLED_VOICE_FILE))
  for (const reference_audio of [recording, new Blob([recording], { type: 'audio/wav' })]) {
    await client.speak({ text: 'Hello.', reference_audio, temperature: 0.5, norm_loudness: false })
    const asked = scratch.asked.at(-1)
    assert.ok(asked?.reference.kind === 'bytes' && Buffer.from(asked.reference.bytes).equals(recording))
    assert.deepEqual([asked.sampling.temperature, asked.normLoudness], [0.5, false])
  }
})

test('a refusal is an error with the code, the field and the request', async () => {
  const { code, status, field, message, requestId } = await failure(client.speak({ ...PARAMETERS, top_p: 2 }))
  assert.deepEqual(
    [code, status, field, message],
    ['invalid_parameter', 400, 'top_p', 'top_p must be between 0 and 1.'],
  )
  assert.match(String(requestId), /^[0-9a-f]{32}$/)
  const stranger = createClient({ baseUrl: `http://127.0.0.1:${port}`, apiKey: 'cb_nobody' })
  assert.equal((await failure(stranger.credits())).code, 'invalid_api_key')
})

test('a stream gives the first sound while the rest is made, then the same file as the whole, and its totals', async () => {
  const whole = await client.speak({ ...LONG, output_format: 'pcm' })
  const opened = withResolvers()
  engine.beforeChunk = ({ index }) => (index === 2 ? opened.promise : undefined)
  const stream = await client.stream({ ...LONG, output_format: 'pcm' })
  assert.deepEqual([stream.mediaType, stream.seed, stream.totals], ['audio/pcm', 7, undefined])
  const bytes = await collect(stream, () => opened.resolve()) // the end is made only when the beginning was heard
  letGo()
  assert.ok(bytes.equals(whole.bytes))
  assert.deepEqual([stream.totals?.request_id, stream.totals?.cost], [stream.requestId, whole.cost])
  assert.equal(stream.totals?.duration, whole.audioSeconds)
  assert.ok((stream.totals?.timings.first_audio ?? 0) > 0)
})

test('a stream of low latency gives sound while its first piece is made, and says in its totals that it was one', async () => {
  const opened = withResolvers()
  engine.beforeChunk = async ({ index }, chunk) => {
    if (index === 0 && chunk === 1) await opened.promise
  }
  const stream = await client.stream({ ...LONG, output_format: 'pcm', latency: 'low' })
  const bytes = await collect(stream, () => opened.resolve())
  engine.beforeChunk = () => {}
  assert.ok(bytes.equals(await collect(await client.stream({ ...LONG, output_format: 'pcm' }))))
  assert.equal(stream.totals?.latency, 'low')
})

test('a stream that fails in the middle throws what it failed of', async () => {
  engine.beforeChunk = ({ index }) => {
    if (index === 2) throw new AppError('invalid_reference_audio', 'No.')
  }
  const stream = await client.stream(LONG)
  const { code, message, requestId } = await failure(collect(stream))
  letGo()
  assert.deepEqual([code, message, requestId], ['invalid_reference_audio', 'No.', stream.requestId])
  assert.equal(stream.totals, undefined)
})

test('a stream that could not begin throws as every call does', async () => {
  assert.equal((await failure(client.stream({ ...PARAMETERS, text: ' ' }))).field, 'text')
})

test('whoever stops reading, or aborts, stops the work and gets no end', async () => {
  const leave: ((stream: SpeechStream, stop: AbortController) => Promise<unknown>)[] = [
    async (stream) => {
      for await (const _ of stream) break
    },
    (stream, stop) =>
      assert.rejects(
        collect(stream, () => stop.abort(new Error('enough'))),
        /enough/,
      ),
    async (_, stop) => stop.abort(),
  ]
  for (const go of leave) {
    const held = withResolvers()
    const stopped = withResolvers()
    engine.beforeChunk = async ({ index }, _, signal) => {
      if (index < 2) return
      signal.addEventListener('abort', stopped.resolve, { once: true })
      await Promise.race([held.promise, stopped.promise])
    }
    const stop = new AbortController()
    const stream = await client.stream(LONG, { signal: stop.signal })
    await go(stream, stop)
    await stopped.promise
    held.resolve()
    letGo()
    assert.equal(stream.totals, undefined)
  }
})

/** A proxy that loses the caller in the middle of an answer. `unnoticed`: it goes on reading the server, as if nothing had happened. */
async function startLossyProxy(loseAfterBytes: number, losses: number, how: 'unnoticed' | 'both') {
  let left = losses
  const sockets = new Set<Socket>()
  const proxy = createServer((caller) => {
    const onward = connect(port, '127.0.0.1')
    for (const socket of [caller, onward]) sockets.add(socket.on('error', () => {}))
    caller.pipe(onward, { end: false })
    let passed = 0
    onward.on('data', (bytes) => {
      if (caller.destroyed) return
      caller.write(bytes)
      passed += bytes.length
      if (passed < loseAfterBytes || left <= 0) return
      left--
      caller.destroy()
      if (how === 'both') onward.destroy()
    })
    onward.on('end', () => caller.end())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  after(() => {
    for (const socket of sockets) socket.destroy()
    proxy.close()
  })
  return { port: (proxy.address() as { port: number }).port, lost: () => losses - left }
}

test('a stream that broke off where the server did not notice is taken up again: every byte once, one charge', async () => {
  const whole = await client.speak({ ...LONG, output_format: 'pcm' })
  const before = (await scratch.balanceMicro()) ?? 0
  const proxy = await startLossyProxy(100_000, 2, 'unnoticed')
  const stream = await clientAt(proxy.port).stream({ ...LONG, output_format: 'pcm' })
  assert.ok((await collect(stream)).equals(whole.bytes))
  assert.equal(proxy.lost(), 2)
  assert.equal(before - ((await scratch.balanceMicro()) ?? 0), Math.round(whole.cost * 1e6))
})

test('a stream whose request ended with the connection throws, and is not paid again', async () => {
  const reached = withResolvers()
  engine.beforeChunk = async ({ index }, _, signal) => {
    if (index === 0) return
    reached.resolve()
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  }
  const proxy = await startLossyProxy(20_000, 1, 'both')
  const asked = scratch.asked.length
  const stream = await clientAt(proxy.port).stream({ ...LONG, output_format: 'pcm' })
  const reading = failure(collect(stream))
  await reached.promise
  const { code, requestId } = await reading
  letGo()
  assert.deepEqual([code, requestId, proxy.lost()], ['broken_off', stream.requestId, 1])
  assert.ok(scratch.asked.length <= asked + 2)
})

test('run submits, waits, and downloads from the server it asks, whatever the public name', async () => {
  const held = holdEngine(scratch)
  const running = client.run({ ...PARAMETERS, output_format: 'ogg' })
  await held.isHeld
  held.release()
  held[Symbol.dispose]()
  const result = await running
  assert.equal(Buffer.from(result.bytes).toString('latin1', 0, 4), 'OggS')
  assert.equal(result.audio.file_size, String(result.bytes.length))
  assert.ok(result.output.startsWith('https://elsewhere.example/outputs/'), result.output)
})

test('submit, status, result, wait and cancel follow a request', async () => {
  const held = holdEngine(scratch)
  const { request_id: id, status } = await client.submit(PARAMETERS)
  assert.equal(status, 'QUEUED')
  await held.isHeld
  assert.equal((await client.status(id)).status, 'PROCESSING')
  assert.equal((await client.result(id, { waitSeconds: 0.05 })).status, 'PROCESSING')
  const seen: string[] = []
  const timed = await failure(client.wait(id, { timeoutSeconds: 0.05, onProgress: ({ status }) => seen.push(status) }))
  assert.deepEqual([timed.code, timed.requestId], ['client_timeout', id])
  assert.ok(seen.length > 0 && seen.every((status) => status === 'PROCESSING'))
  assert.equal((await client.cancel(id)).status, 'CANCELLED')
  held[Symbol.dispose]()
  const { code, status: httpStatus, requestId } = await failure(client.wait(id))
  assert.deepEqual([code, httpStatus, requestId], ['cancelled', 422, id])
  assert.equal((await failure(client.status('0'.repeat(32)))).code, 'request_not_found')
})

test('a request is followed piece by piece over connections that break, heard by the piece, and one spoken again', async () => {
  const held = holdEngine(scratch)
  const { request_id: id } = await client.submit({ ...PARAMETERS, text: piecesText(4) })
  await held.isHeld
  const proxy = await startLossyProxy(1, 2, 'both')
  const events: RequestEvent[] = []
  const following = (async () => {
    for await (const event of clientAt(proxy.port).pieces.follow(id)) events.push(event)
  })()
  held.release()
  held[Symbol.dispose]()
  await following
  assert.equal(proxy.lost(), 2)
  assert.equal(events[0]?.event, 'status')
  const { pieces } = await client.pieces.list(id)
  const told = events.flatMap((event) => (event.event === 'piece' ? [event.index] : []))
  assert.deepEqual(
    told,
    pieces.map(({ index }) => index),
  )
  const last = events.at(-1)
  assert.ok(last?.event === 'done' && last.status === 'COMPLETED')

  const [first] = pieces
  assert.ok(first)
  assert.equal(Buffer.from(await client.pieces.download(first)).toString('latin1', 0, 4), 'RIFF')
  const { request_id: changedId } = await client.pieces.regenerate(id, 1, { seed: 9 })
  await client.wait(changedId)
  assert.equal((await client.pieces.list(changedId)).pieces[1]?.seed, 9)
  const { duration_seconds, pieces: spans } = await client.pieces.timings(id)
  assert.deepEqual([spans.length, spans.at(-1)?.end_seconds], [pieces.length, duration_seconds])
  assert.match(await client.pieces.subtitles(id, 'srt'), /^1\n00:00:00,000 --> /)
  assert.equal((await failure(client.pieces.regenerate(id, 99))).code, 'invalid_parameter')
})

test('a run that is aborted cancels its request', async () => {
  const held = holdEngine(scratch)
  const stop = new AbortController()
  const before = await scratch.balanceMicro()
  const running = assert.rejects(client.run(PARAMETERS, { signal: stop.signal }), /enough/)
  await held.isHeld
  stop.abort(new Error('enough'))
  await running
  assert.equal(held.aborted, 1)
  held[Symbol.dispose]()
  assert.deepEqual([await scratch.balanceMicro(), await scratch.heldMicro()], [before, 0])
})

test('voices are made, listed page by page, renamed, heard, taken home, brought back and deleted', async () => {
  const recording = new Uint8Array(await readFile(BUNDLED_VOICE_FILE))
  const anna = await client.voices.create({ name: 'Anna', consent: true, reference_audio: recording })
  assert.deepEqual([anna.name, anna.kind], ['Anna', 'recording'])
  assert.equal((await client.voices.change(anna.id, { name: 'Anna, warm' })).name, 'Anna, warm')
  assert.equal((await client.voices.find(anna.id)).name, 'Anna, warm')
  assert.equal((await client.voices.list({ limit: 1 })).next, anna.id)
  const ids: string[] = []
  for await (const { id } of client.voices.all()) ids.push(id)
  assert.deepEqual([ids[0], ids.includes('ada')], [anna.id, true])
  const { bytes, mediaType } = await client.voices.preview(anna.id)
  assert.deepEqual([mediaType, Buffer.from(bytes).toString('latin1', 0, 4)], ['audio/flac', 'fLaC'])
  const home = await client.voices.export(anna.id)
  assert.deepEqual(await client.voices.delete(anna.id), { id: anna.id, deleted: true })
  assert.equal((await failure(client.voices.find(anna.id))).code, 'not_found')
  const again = await client.voices.create({ name: 'Anna', consent: 'She agrees.', reference_audio: home.bytes })
  assert.notEqual(again.id, anna.id)
  await client.speak({ text: 'Hello.', reference_audio: again.reference_audio })
})

test('uploads are named by their URLs, a file by its origin; credits and usage are numbers', async () => {
  const recording = new Uint8Array(await readFile(BUNDLED_VOICE_FILE))
  const { urls } = await client.upload([recording, new Blob([recording])])
  assert.equal(urls.length, 2)
  const { bytes, requestId } = await client.speak({ text: 'Hello.', reference_audio: urls[0] ?? '' })
  const { ours, mark, request_id } = await client.provenance(bytes)
  assert.deepEqual([ours, mark?.signature, request_id], [true, 'valid', requestId])
  assert.equal((await client.provenance(recording)).request_id, null)
  assert.equal((await client.credits()).credits * 1e6, await scratch.balanceMicro())
  const { usage, group_by } = await client.usage({ group_by: 'model' })
  assert.deepEqual([group_by, usage[0]?.group], ['model', 'preview'])
})
