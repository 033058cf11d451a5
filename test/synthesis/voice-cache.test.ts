import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { pino } from 'pino'
import type { EngineInfo, Voice } from '../../src/engine/engine.ts'
import { createMetrics } from '../../src/metrics.ts'
import { createVoiceCache } from '../../src/synthesis/voice-cache.ts'

const engine: EngineInfo = { model: 'preview', version: '1', sampleRate: 24_000, slots: 1 }
const never = new AbortController().signal
const log = pino({ level: 'silent' })
const root = await mkdtemp(path.join(tmpdir(), 'voice-cache-'))
after(() => rm(root, { recursive: true }))

const origin = (content: string, changes: { normLoudness?: boolean; engine?: Partial<EngineInfo> } = {}) => ({
  reference: Buffer.from(content),
  normLoudness: changes.normLoudness ?? true,
  engine: { ...engine, ...changes.engine },
})

const voiceOf = (seed: number, info = engine): Voice => ({
  model: info.model,
  version: info.version,
  tensors: {
    embedding: { dtype: 'F32', shape: [2, 128], data: Float32Array.from({ length: 256 }, (_, i) => seed + i) },
    tokens: { dtype: 'I64', shape: [3], data: BigInt64Array.from([1n, 2n, BigInt(seed)]) },
  },
  metadata: { note: `voice ${seed}` },
})

let folders = 0
const freshFolder = () => path.join(root, String(folders++))

function cacheIn(folder: string, sizes: { memoryBytes?: number; diskBytes?: number } = {}) {
  const metrics = createMetrics()
  const { memoryBytes = 1_000_000, diskBytes = 1_000_000 } = sizes
  const cache = createVoiceCache({ folder, memoryBytes, diskBytes, metrics, log })
  const counts = async () => {
    const { values } = await metrics.voiceCache.get()
    return Object.fromEntries(values.map(({ labels, value }) => [labels.result, value]))
  }
  /** Until so many have found the voice in memory or on its way there. */
  const joined = async (followers: number) => {
    while ((await counts()).memory !== followers) await setImmediate()
  }
  return { ...cache, counts, joined }
}

/** An encoder that counts its runs and lands when it is told to. */
function encoder(seed = 1) {
  const runs: AbortSignal[] = []
  const outside = new EventEmitter()
  const started = once(outside, 'start')
  const encode = (signal: AbortSignal) =>
    new Promise<Voice>((resolve, reject) => {
      runs.push(signal)
      signal.addEventListener('abort', () => reject(signal.reason))
      outside.once('land', () => resolve(voiceOf(seed)))
      outside.once('fail', reject)
      outside.emit('start')
    })
  return { encode, runs, started, outside }
}

const forbidden = () => assert.fail('encoded again')

test('a recording is encoded once, and again only when something that its voice depends on changes', async () => {
  const { find, counts } = cacheIn(freshFolder())
  const first = await find(origin('a'), async () => voiceOf(1), never)
  assert.equal(await find(origin('a'), forbidden, never), first)
  let encoded = 0
  const encode = async () => voiceOf(++encoded)
  await find(origin('b'), encode, never)
  await find(origin('a', { normLoudness: false }), encode, never)
  await find(origin('a', { engine: { version: '2' } }), encode, never)
  await find(origin('a', { engine: { model: 'turbo' } }), encode, never)
  assert.equal(encoded, 4)
  assert.deepEqual(await counts(), { memory: 1, miss: 5 })
})

test('a voice survives the process, bit for bit', async () => {
  const folder = freshFolder()
  await cacheIn(folder).find(origin('a'), async () => voiceOf(7), never)
  const next = cacheIn(folder)
  assert.deepEqual(await next.find(origin('a'), forbidden, never), voiceOf(7))
  assert.deepEqual(await next.counts(), { disk: 1 })
})

test('many who want the same voice at once wait for one encoding', async () => {
  const { find, joined } = cacheIn(freshFolder())
  const { encode, runs, started, outside } = encoder()
  const waiting = Array.from({ length: 20 }, () => find(origin('a'), encode, new AbortController().signal))
  await Promise.all([started, joined(19)])
  outside.emit('land')
  const voices = await Promise.all(waiting)
  assert.equal(runs.length, 1)
  assert.equal(new Set(voices).size, 1)
})

test('when the first to ask leaves, the others still get the voice', async () => {
  const { find, joined } = cacheIn(freshFolder())
  const { encode, runs, started, outside } = encoder()
  const leaving = new AbortController()
  const leader = find(origin('a'), encode, leaving.signal)
  await started
  const follower = find(origin('a'), forbidden, never)
  await joined(1)
  leaving.abort(new Error('left'))
  await assert.rejects(leader, { message: 'left' })
  assert.equal(runs[0]?.aborted, false)
  outside.emit('land')
  assert.deepEqual(await follower, voiceOf(1))
})

test('when the last one leaves, the encoding is stopped, and the next to ask starts a new one', async () => {
  const { find } = cacheIn(freshFolder())
  const { encode, runs, started } = encoder()
  const leaving = new AbortController()
  const alone = find(origin('a'), encode, leaving.signal)
  await started
  leaving.abort(new Error('left'))
  await assert.rejects(alone, { message: 'left' })
  assert.equal(runs[0]?.aborted, true)
  assert.deepEqual(await find(origin('a'), async () => voiceOf(2), never), voiceOf(2))
})

test('a failure reaches everyone who waits and is not remembered', async () => {
  const { find, joined } = cacheIn(freshFolder())
  const { encode, started, outside } = encoder()
  const waiting = [1, 2, 3].map(() => find(origin('a'), encode, never))
  await Promise.all([started, joined(2)])
  outside.emit('fail', new Error('no speech'))
  for (const outcome of await Promise.allSettled(waiting)) assert.equal(outcome.status, 'rejected')
  assert.deepEqual(await find(origin('a'), async () => voiceOf(3), never), voiceOf(3))
})

const DAMAGE: Record<string, (bytes: Buffer) => Uint8Array> = {
  'cut short': (bytes) => bytes.subarray(0, bytes.length - 40),
  empty: () => new Uint8Array(),
  'no safetensors at all': () => Buffer.from('not a voice'),
  'one bit other than it was': (bytes) => {
    const at = bytes.length - 5
    bytes[at] = (bytes[at] ?? 0) ^ 1
    return bytes
  },
}
for (const [damage, apply] of Object.entries(DAMAGE)) {
  test(`a stored voice that is ${damage} is encoded again and replaced`, async () => {
    const folder = freshFolder()
    await cacheIn(folder).find(origin('a'), async () => voiceOf(1), never)
    const [name = ''] = await readdir(folder)
    const file = path.join(folder, name)
    await writeFile(file, apply(await readFile(file)))
    const next = cacheIn(folder)
    assert.deepEqual(await next.find(origin('a'), async () => voiceOf(1), never), voiceOf(1))
    assert.deepEqual(await next.counts(), { miss: 1 })
    assert.deepEqual(await cacheIn(folder).find(origin('a'), forbidden, never), voiceOf(1))
  })
}

test('a folder that cannot be written costs the copy on disk, not the answer', async () => {
  const file = path.join(root, 'a-file')
  await writeFile(file, '')
  const { find } = cacheIn(file)
  assert.deepEqual(await find(origin('a'), async () => voiceOf(1), never), voiceOf(1))
  assert.deepEqual(await find(origin('a'), forbidden, never), voiceOf(1))
})

test('memory holds so many bytes, the voices used last', async () => {
  const folder = freshFolder()
  const { find, counts } = cacheIn(folder, { memoryBytes: 7000 })
  for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) await find(origin(name), async () => voiceOf(1), never)
  assert.deepEqual(await counts(), { miss: 3, memory: 2, disk: 1 })
})

test('the folder holds so many bytes, the voices used last, and no halves of long ago', async () => {
  const folder = freshFolder()
  const encode = async () => voiceOf(1)
  await cacheIn(folder).find(origin('a'), encode, never)
  const [a = ''] = await readdir(folder)
  const { length: size } = await readFile(path.join(folder, a))
  const half = path.join(folder, 'half.safetensors.1.tmp')
  await writeFile(half, '')
  const before = (minutes: number) => new Date(Date.now() - minutes * 60_000)
  await utimes(half, before(90), before(90))
  await utimes(path.join(folder, a), before(30), before(30))
  const sizes = { memoryBytes: 1, diskBytes: 2 * size + 100 }
  await cacheIn(folder, sizes).find(origin('b'), encode, never)
  for (const name of await readdir(folder))
    if (name !== a) await utimes(path.join(folder, name), before(20), before(20))
  // Use makes `a` the younger of the two, so `b` has to go.
  await cacheIn(folder, sizes).find(origin('a'), forbidden, never)
  await cacheIn(folder, sizes).find(origin('c'), encode, never)
  assert.equal((await readdir(folder)).length, 2)
  await cacheIn(folder, sizes).find(origin('a'), forbidden, never)
  await cacheIn(folder, sizes).find(origin('c'), forbidden, never)
})
