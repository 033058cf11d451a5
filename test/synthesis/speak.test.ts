import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { getEventListeners } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { findBalance } from '../../src/billing/accounts.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { AppError, type ErrorCode } from '../../src/errors.ts'
import { findJob } from '../../src/jobs/job.ts'
import { createMetrics } from '../../src/metrics.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { newId } from '../../src/storage/ids.ts'
import { createPermits } from '../../src/synthesis/permits.ts'
import { createSpeaker } from '../../src/synthesis/speak.ts'
import type { SpeechRequest, Voices } from '../../src/synthesis/speech.ts'
import { makeAccount } from '../harness/accounts.ts'
import { openTestDatabase, quietLog } from '../harness/database.ts'
import { createToneEngine } from '../harness/tone-engine.ts'

const { db } = await openTestDatabase()
const folder = await mkdtemp(path.join(os.tmpdir(), 'speak-'))
after(() => rm(folder, { recursive: true }))
const blobs = createFileBlobs(folder)
const never = new AbortController().signal

const voices: Voices = {
  checkForm: (reference) => {
    if (reference.kind === 'string') throw new AppError('invalid_reference_audio', 'no', { param: 'reference_audio' })
  },
  find: async () => ({ model: 'preview', version: 'tone', tensors: {}, metadata: {} }),
}

const speakerOver = (engine: Engine, { timeoutSeconds = 60, running = 4, waiting = 4 } = {}) =>
  createSpeaker({
    config: { PRICE_PER_1000_CHARACTERS: 1, REQUEST_TIMEOUT_SECONDS: timeoutSeconds, RESULT_TTL_HOURS: 1 },
    db,
    blobs,
    engine,
    voices,
    permits: createPermits({ running, waiting }),
    metrics: createMetrics(),
    log: quietLog,
  })

// Ten characters at 1 credit for 1,000: 10,000 micro-dollars.
const PRICE = 10_000
const ask = (changes: Partial<SpeechRequest> = {}): SpeechRequest => ({
  text: 'Ten chars.',
  reference: { kind: 'default' },
  sampling: { temperature: 0.7, topP: 0.9, topK: 500, minP: 0, repetitionPenalty: 1.3 },
  seed: 42,
  normLoudness: true,
  format: 'wav',
  ...changes,
})
const refusedWith = (code: ErrorCode) => (error: unknown) => error instanceof AppError && error.code === code
const balanceOf = (accountId: string) => findBalance(db, accountId)

/** A gate that holds whoever comes until it is opened; `reached` resolves when somebody is at it. */
function gate() {
  const opened = { open: () => {}, arrive: () => {} }
  const wait = new Promise<void>((resolve) => {
    opened.open = resolve
  })
  const reached = new Promise<void>((resolve) => {
    opened.arrive = resolve
  })
  return { ...opened, wait, reached }
}

test('speech is stored, charged once and reported', async () => {
  const account = await makeAccount(db, 50_000)
  const id = newId()
  const speech = await speakerOver(createToneEngine()).speak(ask(), account, id, never)
  assert.deepEqual([speech.requestId, speech.seed, speech.audioSeconds, speech.replayed], [id, 42, 1, false])
  assert.deepEqual([speech.costMicro, speech.remainingMicro], [PRICE, 40_000])
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 40_000, heldMicro: 0 })
  const job = await findJob(db, account.accountId, id)
  assert.ok(job?.state === 'completed')
  assert.equal(job.output.sha256, createHash('sha256').update(speech.bytes).digest('hex'))
  assert.deepEqual(await blobs.read(job.output.blobKey), Buffer.from(speech.bytes))
})

test('seed 0 and -1 pick a seed that is reported and gives the same speech again', async () => {
  const account = await makeAccount(db)
  const engine = createToneEngine()
  const speaker = speakerOver(engine)
  for (const seed of [0, -1]) {
    const first = await speaker.speak(ask({ seed }), account, newId(), never)
    assert.ok(first.seed > 0)
    await speaker.speak(ask({ seed: first.seed }), account, newId(), never)
    const [used, usedAgain] = engine.pieces.slice(-2).map((piece) => piece.seed)
    assert.equal(usedAgain, used)
  }
})

test('a balance below the price is refused before any work', async () => {
  const account = await makeAccount(db, PRICE - 1)
  const engine = createToneEngine()
  await assert.rejects(speakerOver(engine).speak(ask(), account, newId(), never), refusedWith('insufficient_credits'))
  assert.equal(engine.pieces.length, 0)
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: PRICE - 1, heldMicro: 0 })
})

test('a reference of the wrong form is refused before anything is held, and before the balance is looked at', async () => {
  const account = await makeAccount(db, 0)
  const request = ask({ reference: { kind: 'string', value: 'ftp://x' } })
  const speaking = speakerOver(createToneEngine()).speak(request, account, newId(), never)
  await assert.rejects(speaking, refusedWith('invalid_reference_audio'))
})

test('a finished request leaves nothing listening to its caller', async () => {
  const account = await makeAccount(db)
  const { signal } = new AbortController()
  await speakerOver(createToneEngine()).speak(ask(), account, newId(), signal)
  assert.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('a caller who leaves stops the engine, gets the hold back and pays nothing', async () => {
  const account = await makeAccount(db, 50_000)
  const gone = new AbortController()
  const engine = createToneEngine((_, chunk) => {
    if (chunk === 3) gone.abort()
  })
  const id = newId()
  await assert.rejects(speakerOver(engine).speak(ask(), account, id, gone.signal))
  assert.equal(engine.stopped, 1)
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 50_000, heldMicro: 0 })
  const job = await findJob(db, account.accountId, id)
  assert.equal(job?.state, 'failed')
})

test('an engine that fails costs nothing, and the same idempotency key may try again', async () => {
  const account = await makeAccount(db, 50_000)
  let failures = 1
  const engine = createToneEngine(() => {
    if (failures-- > 0) throw new AppError('unavailable', 'The speech engine stopped.')
  })
  const speaker = speakerOver(engine)
  const request = ask({ idempotency: { key: 'again', requestHash: 'h' } })
  await assert.rejects(speaker.speak(request, account, newId(), never), refusedWith('unavailable'))
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 50_000, heldMicro: 0 })
  const speech = await speaker.speak(request, account, newId(), never)
  assert.equal(speech.replayed, false)
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 40_000, heldMicro: 0 })
})

test('what is our bug is recorded without its message', async () => {
  const account = await makeAccount(db)
  const engine = createToneEngine(() => {
    throw new TypeError('secret path /etc')
  })
  const id = newId()
  await assert.rejects(speakerOver(engine).speak(ask(), account, id, never), TypeError)
  const job = await findJob(db, account.accountId, id)
  assert.ok(job?.state === 'failed')
  assert.deepEqual(job.error, { code: 'internal', message: 'Something went wrong on our side.', param: undefined })
})

test('twins with one idempotency key are spoken once, charged once and answered alike', async () => {
  const account = await makeAccount(db, 50_000)
  const { open, arrive, wait, reached } = gate()
  const engine = createToneEngine(async () => {
    arrive()
    await wait
  })
  const speaker = speakerOver(engine)
  const request = ask({ idempotency: { key: 'twins', requestHash: 'h' } })
  const first = speaker.speak(request, account, newId(), never)
  await reached
  const second = speaker.speak(request, account, newId(), never)
  open()
  const [one, other] = await Promise.all([first, second])
  assert.deepEqual(Buffer.from(one.bytes), Buffer.from(other.bytes))
  assert.deepEqual([one.replayed, other.replayed, one.requestId === other.requestId], [false, true, true])
  assert.equal(engine.pieces.length, 1)
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 40_000, heldMicro: 0 })
})

test('the same idempotency key with another request is a conflict', async () => {
  const account = await makeAccount(db)
  const speaker = speakerOver(createToneEngine())
  await speaker.speak(ask({ idempotency: { key: 'k', requestHash: 'a' } }), account, newId(), never)
  const other = speaker.speak(ask({ idempotency: { key: 'k', requestHash: 'b' } }), account, newId(), never)
  await assert.rejects(other, refusedWith('idempotency_conflict'))
})

test('at the deadline the caller is told, and the job goes on to its charge and can be fetched', async () => {
  const account = await makeAccount(db, 50_000)
  const { open, wait } = gate()
  const speaker = speakerOver(
    createToneEngine(() => wait),
    { timeoutSeconds: 0.05 },
  )
  const id = newId()
  await assert.rejects(speaker.speak(ask(), account, id, never), refusedWith('timeout'))
  assert.equal((await findJob(db, account.accountId, id))?.state, 'running')
  open()
  await speaker.drain(never)
  assert.equal((await findJob(db, account.accountId, id))?.state, 'completed')
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 40_000, heldMicro: 0 })
})

test('more requests than run and wait are refused at once and cost nothing', async () => {
  const account = await makeAccount(db, 50_000)
  const { open, arrive, wait, reached } = gate()
  const engine = createToneEngine(async () => {
    arrive()
    await wait
  })
  const speaker = speakerOver(engine, { running: 1, waiting: 0 })
  const first = speaker.speak(ask(), account, newId(), never)
  await reached
  await assert.rejects(speaker.speak(ask(), account, newId(), never), refusedWith('overloaded'))
  open()
  await first
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 40_000, heldMicro: 0 })
})

test('a draining speaker refuses what is new and finishes what is in flight', async () => {
  const account = await makeAccount(db)
  const { open, arrive, wait, reached } = gate()
  const engine = createToneEngine(async () => {
    arrive()
    await wait
  })
  const speaker = speakerOver(engine)
  const speaking = speaker.speak(ask(), account, newId(), never)
  await reached
  const drained = speaker.drain(never)
  await assert.rejects(speaker.speak(ask(), account, newId(), never), refusedWith('unavailable'))
  open()
  await drained
  assert.equal((await speaking).audioSeconds, 1)
})

test('what a draining speaker cannot wait for is released unpaid', async () => {
  const account = await makeAccount(db, 50_000)
  const { arrive, reached } = gate()
  const engine = createToneEngine(async (_, __, signal) => {
    arrive()
    while (!signal.aborted) await setImmediate()
  })
  const speaker = speakerOver(engine)
  const speaking = speaker.speak(ask(), account, newId(), never)
  await reached
  const refused = assert.rejects(speaking, refusedWith('unavailable'))
  await speaker.drain(AbortSignal.abort())
  await refused
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 50_000, heldMicro: 0 })
})
