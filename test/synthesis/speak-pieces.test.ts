import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { after, before, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { concatSamples } from '../../src/audio/pcm.ts'
import { createChatterboxEngine } from '../../src/engine/chatterbox/chatterbox.ts'
import type { Engine, Piece, Voice } from '../../src/engine/engine.ts'
import { piecesOf, type SpokenPart, speakPieces } from '../../src/synthesis/speak-pieces.ts'
import { leaveOut } from '../../src/synthesis/spoken-again.ts'
import { makeVoice } from '../harness/synthetic-voice.ts'
import { makeTinyBundle, type TinyBundle } from '../harness/tiny-bundle.ts'
import { createToneEngine } from '../harness/tone-engine.ts'

const never = new AbortController().signal
const sampling = { temperature: 0.8, topK: 1000, topP: 0.95, minP: 0, repetitionPenalty: 1.2 }
const toneVoice: Voice = { model: 'preview', version: 'tone', tensors: {}, metadata: {} }
const pieces = (texts: readonly string[], voice = toneVoice): Piece[] =>
  texts.map((text, index) => ({ text, index, voice, sampling, seed: 7 }))
const letters = (text: string) => pieces(text.split(''))

/** Event-loop turns in which whatever can begin has begun. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await setImmediate()
}

/** An engine whose pieces end, or fail, when the test says so; `begun` and `inside` tell by their texts what it was sent. */
function createHeldEngine(slots: number) {
  const gates = new Map<string, (error?: Error) => void>()
  const begun: string[] = []
  const held = new Map<string, Promise<void>>()
  const hold = (text: string, signal: AbortSignal) => {
    let piece = held.get(text)
    if (!piece) {
      begun.push(text)
      piece = new Promise<void>((resolve, reject) => {
        const leave = () => gates.delete(text)
        gates.set(text, (error) => {
          leave()
          if (error) reject(error)
          else resolve()
        })
        signal.addEventListener('abort', () => {
          leave()
          reject(signal.reason)
        })
      })
      held.set(text, piece)
    }
    return piece
  }
  const engine = createToneEngine(({ text }, _chunk, signal) => hold(text, signal), slots)
  const end = async (text: string, error?: Error): Promise<void> => {
    const finish = gates.get(text)
    assert.ok(finish, `${text} is not being spoken`)
    finish(error)
    await settle()
  }
  return {
    engine,
    hold,
    end,
    get begun() {
      return begun.join('')
    },
    get inside() {
      return [...gates.keys()].join('')
    },
  }
}

/** Listens in the background; `heard` is what is out so far. */
function listen(engine: Engine, list: readonly Piece[], signal: AbortSignal = never, isHeard = false) {
  const heard: string[] = []
  const ended = (async () => {
    for await (const { index } of speakPieces(list, engine, signal, { isHeard })) heard.push(list[index]?.text ?? '')
  })()
  ended.catch(() => {})
  return { ended, heard: () => heard.join('') }
}

test('free slots are filled with the pieces to come, and what they become comes out in order', async () => {
  const held = createHeldEngine(3)
  const { ended, heard } = listen(held.engine, letters('abcdef'))
  await settle()
  assert.equal(held.inside, 'abc')
  await held.end('c')
  await held.end('b')
  // The first is still spoken: two that are done wait for it, and no more are begun than are kept.
  assert.deepEqual([heard(), held.inside], ['', 'a'])
  await held.end('a')
  assert.deepEqual([heard(), held.inside], ['abc', 'def'])
  for (const piece of 'fed') await held.end(piece)
  await ended
  assert.deepEqual([heard(), held.begun], ['abcdef', 'abcdef'])
})

test('where somebody waits for the first piece it has one other beside it', async () => {
  const held = createHeldEngine(3)
  const { ended, heard } = listen(held.engine, letters('abcd'), never, true)
  await settle()
  assert.equal(held.inside, 'ab')
  await held.end('a')
  assert.deepEqual([heard(), held.inside], ['a', 'bcd'])
  for (const piece of 'bcd') await held.end(piece)
  await ended
  assert.equal(heard(), 'abcd')
})

test('no more than the slots are begun ahead of a consumer that is slow', async () => {
  const engine = createToneEngine(undefined, 2)
  const spoken = speakPieces(letters('abcdefgh'), engine, never)
  for (let taken = 1; taken <= 8; taken++) {
    assert.equal((await spoken.next()).value?.index, taken - 1)
    await settle()
    assert.equal(engine.pieces.length, Math.min(8, taken + 2))
  }
  assert.equal((await spoken.next()).done, true)
})

test('every request has its first piece in before anyone gets a second one', async () => {
  const held = createHeldEngine(3)
  const first = listen(held.engine, letters('abcdef'))
  await settle()
  // The slots are full, and yet the next requests need not wait.
  const second = listen(held.engine, letters('uvwx'))
  const third = listen(held.engine, letters('XYZ'))
  await settle()
  assert.equal(held.inside, 'abcuX')
  // Those who have one in each do not get a second one while the slots are full, nor does the one who had more.
  await held.end('b')
  await held.end('c')
  assert.equal(held.inside, 'auX')
  // Next is always who has the fewest in: whose first piece ended, then whoever waited longest of those who have one.
  await held.end('u')
  assert.equal(held.inside, 'aXv')
  await held.end('X')
  assert.equal(held.inside, 'avY')
  for (const piece of 'vwx') await held.end(piece)
  await second.ended
  assert.equal(held.inside, 'aYZ')
  for (const piece of 'YZ') await held.end(piece)
  await third.ended
  await held.end('a')
  assert.equal(held.inside, 'def')
  for (const piece of 'def') await held.end(piece)
  await first.ended
})

test('the pieces of an engine with one slot are spoken one after another', async () => {
  const held = createHeldEngine(1)
  const { ended, heard } = listen(held.engine, letters('abc'))
  for (const piece of 'abc') {
    await settle()
    assert.equal(held.inside, piece)
    await held.end(piece)
    assert.equal(heard().at(-1), piece)
  }
  await ended
})

test('a piece that fails is heard of after those before it are out, and stops those after it', async () => {
  const held = createHeldEngine(4)
  const { ended, heard } = listen(held.engine, letters('abcdef'))
  await settle()
  await held.end('c', new Error('c cannot be spoken'))
  assert.deepEqual([heard(), held.inside], ['', 'abd'])
  await held.end('a')
  assert.deepEqual([heard(), held.inside], ['a', 'bd'])
  await held.end('b')
  await assert.rejects(ended, /c cannot be spoken/)
  assert.deepEqual([heard(), held.inside, held.begun], ['ab', '', 'abcd'])
})

test('an abort stops all of them and gives their slots back', async () => {
  const held = createHeldEngine(2)
  const abort = new AbortController()
  const { ended } = listen(held.engine, letters('abcd'), abort.signal)
  await settle()
  assert.equal(held.inside, 'ab')
  abort.abort(new Error('caller left'))
  await assert.rejects(ended, /caller left/)
  assert.equal(held.inside, '')
  assert.deepEqual(getEventListeners(abort.signal, 'abort'), [])
  const next = listen(held.engine, letters('xy'))
  await settle()
  assert.equal(held.inside, 'xy')
  for (const piece of 'xy') await held.end(piece)
  await next.ended
})

test('a consumer that goes away stops what was begun ahead of it', async () => {
  const held = createHeldEngine(3)
  const spoken = speakPieces(letters('abcdef'), held.engine, never)
  const first = spoken.next()
  await settle()
  await held.end('a')
  await first
  await settle()
  assert.equal(held.inside, 'bcd')
  await spoken.return()
  assert.equal(held.inside, '')
})

test('nothing begins for a signal that is aborted already', async () => {
  const engine = createToneEngine(undefined, 2)
  await assert.rejects(listen(engine, letters('ab'), AbortSignal.abort(new Error('too late'))).ended, /too late/)
  assert.equal(engine.pieces.length, 0)
})

test('time of the engine is counted once, however many pieces share it', async () => {
  const held = createHeldEngine(4)
  const startedAt = performance.now()
  const spoken: SpokenPart[] = []
  const listening = (async () => {
    for await (const piece of speakPieces(letters('abcd'), held.engine, never)) spoken.push(piece)
  })()
  await settle()
  for (const piece of 'dbac') await held.end(piece)
  await listening
  const sum = spoken.reduce((seconds, piece) => seconds + piece.engineSeconds, 0)
  assert.ok(sum > 0 && sum <= (performance.now() - startedAt) / 1000)
  assert.equal(spoken[1]?.engineSeconds, 0) // b was done before a, and took no time of its own
})

const low = (list: readonly Piece[]): Piece[] =>
  list.map((piece) => (piece.index === 0 ? { ...piece, latency: 'low' } : piece))

test('a piece of low latency comes in parts, alone until its first sound is out; an empty part ends it', async () => {
  const held = createHeldEngine(3)
  const chunks = new Map<number, () => void>()
  const engine = createToneEngine(({ text }, chunk, signal) => {
    if (text !== 'a') return held.hold(text, signal)
    return new Promise<void>((resolve) => chunks.set(chunk, resolve))
  }, 3)
  const parts: SpokenPart[] = []
  const listening = (async () => {
    for await (const part of speakPieces(low(letters('abcde')), engine, never)) parts.push(part)
  })()
  await settle()
  assert.deepEqual([[...chunks.keys()], held.inside], [[0], ''], 'nothing else is begun before its first sound')
  for (let chunk = 0; chunk < 10; chunk++) {
    chunks.get(chunk)?.()
    await settle()
    assert.equal(parts.filter(({ samples }) => samples.length > 0).length, chunk + 1)
    assert.equal(held.inside, chunk < 9 ? 'bc' : 'bcd', 'two of three slots while it is spoken')
  }
  const expected = [...Array.from({ length: 10 }, () => [0, 2400, false]), [0, 0, true]]
  assert.deepEqual(
    parts.map(({ index, samples, isLast }) => [index, samples.length, isLast]),
    expected,
  )
  for (const piece of 'bcde') await held.end(piece)
  await listening
  assert.deepEqual(
    parts.slice(11).map(({ index, samples, isLast }) => [index, samples.length, isLast]),
    [1, 2, 3, 4].map((index) => [index, 24_000, true]),
  )
})

test('a piece of low latency that is left in the middle stops, and so does what was begun beside it', async () => {
  const leave: ((spoken: AsyncGenerator<SpokenPart>, abort: AbortController) => Promise<unknown>)[] = [
    (spoken) => spoken.return(undefined),
    (spoken, abort) => {
      abort.abort(new Error('caller left'))
      return assert.rejects(spoken.next(), /caller left/)
    },
  ]
  for (const how of leave) {
    const engine = createToneEngine(undefined, 3)
    const abort = new AbortController()
    const spoken = speakPieces(low(letters('abcd')), engine, abort.signal)
    assert.equal((await spoken.next()).value?.isLast, false)
    await how(spoken, abort)
    assert.deepEqual(getEventListeners(abort.signal, 'abort'), [])
    assert.ok(engine.stopped >= 1)
    await listen(engine, letters('xyz')).ended // no slot is kept
  }
})

test('of a request of low latency the first two pieces are spoken so, and no others', () => {
  const text = 'One sentence of some length. '.repeat(30)
  const latencies = (latency?: 'low') =>
    piecesOf({ text, sampling, latency }, 7, toneVoice).map((piece) => piece.latency)
  assert.ok(latencies().every((latency) => latency === undefined))
  const [first, second, ...rest] = latencies('low')
  assert.deepEqual([first, second], ['low', 'low'])
  assert.ok(rest.length > 0 && rest.every((latency) => latency === undefined))
})

test('a long text is cut into pieces that all have its seed, a random one not among them', () => {
  const texts = piecesOf({ text: `${'One sentence of some length. '.repeat(30)}`, sampling }, 2 ** 40 + 3, toneVoice)
  assert.ok(texts.length > 2)
  assert.deepEqual(
    texts.map(({ index }) => index),
    [...texts.keys()],
  )
  assert.equal(new Set(texts.map(({ seed }) => seed)).size, 1)
  assert.ok(texts.every(({ seed }) => Number.isInteger(seed) && seed > 0 && seed < 2 ** 32))
  assert.equal(piecesOf({ text: 'Hi.', sampling }, 42, toneVoice)[0]?.seed, 42)
})

let bundle: TinyBundle
let engine: Engine
let voice: Voice
before(async () => {
  bundle = await makeTinyBundle()
  engine = await createChatterboxEngine(bundle.folder, { threads: 1 })
  const samples = makeVoice({ seconds: 6, sampleRate: 16000, pitchHz: 120, formantsHz: [600, 1200, 2500] })
  voice = await engine.encodeVoice({ samples, sampleRate: 16000, normLoudness: true }, never)
})
after(async () => {
  await engine[Symbol.asyncDispose]()
  bundle[Symbol.dispose]()
})

test('the model speaks a text the same to the last sample at once, one after another, and from the middle', async () => {
  const { slots } = await engine.info()
  assert.equal(slots, 4)
  const texts = ['Yes.', 'No, not so.', 'Hi.', 'Oh.', 'And so on.', 'Bye.']
  const list = pieces(texts, voice)
  const collect = async (from: Engine, some = list): Promise<Float32Array> => {
    const spoken: Float32Array[] = []
    for await (const { samples } of speakPieces(some, from, never)) spoken.push(samples)
    return concatSamples(spoken)
  }
  const patient: Engine = { ...engine, info: async () => ({ ...(await engine.info()), slots: 1 }) }
  const whole = await collect(patient)
  assert.deepEqual(await collect(engine), whole)
  // The rest of it, beside another text.
  const [rest] = await Promise.all([collect(engine, list.slice(3)), collect(engine, pieces(['Well.', 'Oh.'], voice))])
  assert.ok(rest.length > 0)
  assert.deepEqual(rest, whole.subarray(whole.length - rest.length))
})

test('the model speaks a first piece of low latency in parts, the same again from the middle, and the others as ever', async () => {
  const texts = ['abcdefghi '.repeat(8).trim(), 'No, not so.', 'Hi.']
  const list = low(pieces(texts, voice))
  const collect = async (some: readonly Piece[]): Promise<SpokenPart[]> => {
    const parts: SpokenPart[] = []
    for await (const part of speakPieces(some, engine, never)) parts.push(part)
    return parts
  }
  const samplesOf = (parts: readonly SpokenPart[]) => concatSamples(parts.map(({ samples }) => samples))
  const parts = await collect(list)
  const first = parts.filter(({ index }) => index === 0)
  assert.ok(first.length > 3, `${first.length} parts`)
  assert.deepEqual(samplesOf(parts.slice(first.length)), samplesOf(await collect(list.slice(1))))
  // Whoever goes on after the second part, in other company.
  const rest = leaveOut(samplesOf(first.slice(0, 2)))
  const [again] = await Promise.all([collect(list), collect(pieces(['Well.', 'Oh.'], voice))])
  const goneOn = again.flatMap((part) => (part.index === 0 ? (rest(part) ?? []) : part))
  assert.deepEqual(samplesOf([...first.slice(0, 2), ...goneOn]), samplesOf(parts))
  assert.equal(goneOn.length, parts.length - 2)
})
