import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { getEventListeners } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import { findBalance } from '../../src/billing/accounts.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { EngineResting } from '../../src/engine/engine-handle.ts'
import { AppError, type ErrorCode } from '../../src/errors.ts'
import { cancelUnattendedJobs } from '../../src/jobs/attendance.ts'
import { findJob, type Job } from '../../src/jobs/job.ts'
import { SWEEP_LOCK } from '../../src/jobs/sweep.ts'
import { createMetrics } from '../../src/metrics.ts'
import { createFetcher } from '../../src/outbound/guarded-fetch.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { newId } from '../../src/storage/ids.ts'
import { createTask } from '../../src/synthesis/perform-job.ts'
import type { ReferenceRules } from '../../src/synthesis/reference-audio.ts'
import { createSpeaker } from '../../src/synthesis/speak.ts'
import type { ReferenceSource, SpeechRequest, Voices } from '../../src/synthesis/speech.ts'
import { hasEnded, waitForJob } from '../../src/synthesis/wait-for-job.ts'
import { makeAccount, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase, quietLog } from '../harness/database.ts'
import { startTestWorker, type TestWorker } from '../harness/test-worker.ts'
import { createToneEngine } from '../harness/tone-engine.ts'

let worker: TestWorker | undefined
after(() => worker?.[Symbol.asyncDispose]()) // before the database is dropped
const database = await openTestDatabase()
const { db } = database
worker = startTestWorker(database)
const { signals, serve } = worker
const folder = await mkdtemp(path.join(os.tmpdir(), 'speak-'))
after(() => rm(folder, { recursive: true }))
const blobs = createFileBlobs(folder)
const never = new AbortController().signal

const voices: Voices = { find: async () => ({ model: 'preview', version: 'tone', tensors: {}, metadata: {} }) }
const references: ReferenceRules = {
  fetcher: createFetcher({ allowHttp: false, allowPrivate: false, timeoutMs: 1000, maxBytes: 1000 }),
  maxBytes: 1000,
  defaultVoiceFile: import.meta.filename,
}

const provenanceSecret = new Uint8Array(32)

/** A gateway; the jobs of `account` are spoken by `engine`. */
const speakerOver = (
  account: TestAccount,
  engine: Engine,
  { timeoutSeconds = 60, waiting = 64, isEngineWarm = true } = {},
) => {
  const isWarm = () => isEngineWarm
  serve(
    account.accountId,
    createTask({
      db,
      blobs,
      engine,
      isEngineWarm: isWarm,
      voices,
      provenanceSecret,
      metrics: createMetrics(),
      log: quietLog,
    }),
  )
  return createSpeaker({
    config: {
      PRICE_PER_1000_CHARACTERS: 1,
      REQUEST_TIMEOUT_SECONDS: timeoutSeconds,
      RESULT_TTL_HOURS: 1,
      MAX_QUEUED_REQUESTS: waiting,
    },
    db,
    blobs,
    signals,
    references,
    log: quietLog,
  })
}

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

const ended = async ({ accountId }: TestAccount, id: string): Promise<Job> => {
  const job = await waitForJob({ db, signals }, { accountId, id, untilMs: performance.now() + 10_000 }, never)
  assert.ok(job && hasEnded(job), `job ${id} is ${job?.state}`)
  return job
}

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
  const speech = await speakerOver(account, createToneEngine()).speak(ask(), account, id, never)
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
  const speaker = speakerOver(account, engine)
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
  await assert.rejects(
    speakerOver(account, engine).speak(ask(), account, newId(), never),
    refusedWith('insufficient_credits'),
  )
  assert.equal(engine.pieces.length, 0)
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: PRICE - 1, heldMicro: 0 })
})

test('a reference of the wrong form is refused before anything is held, and before the balance is looked at', async () => {
  const account = await makeAccount(db, 0)
  const request = ask({ reference: { kind: 'string', value: 'ftp://x' } })
  const speaking = speakerOver(account, createToneEngine()).speak(request, account, newId(), never)
  await assert.rejects(speaking, refusedWith('invalid_reference_audio'))
})

test('a finished request leaves nothing listening to its caller', async () => {
  const account = await makeAccount(db)
  const { signal } = new AbortController()
  await speakerOver(account, createToneEngine()).speak(ask(), account, newId(), signal)
  assert.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('a caller who leaves stops the engine, gets the hold back and pays nothing', async () => {
  const account = await makeAccount(db, 50_000)
  const gone = new AbortController()
  const engine = createToneEngine(async (_, chunk, signal) => {
    if (chunk < 3) return
    gone.abort()
    while (!signal.aborted) await setImmediate()
  })
  const id = newId()
  await assert.rejects(speakerOver(account, engine).speak(ask(), account, id, gone.signal))
  const job = await ended(account, id)
  assert.equal(job.state, 'cancelled')
  assert.equal(engine.stopped, 1)
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 50_000, heldMicro: 0 })
})

test('a caller who has left while the request is taken in is not spoken to', async () => {
  const account = await makeAccount(db, 50_000)
  const engine = createToneEngine(async (_, __, signal) => {
    while (!signal.aborted) await setImmediate()
  })
  const [id, left] = [newId(), new Error('left')]
  const gone = new AbortController()
  const speaking = speakerOver(account, engine).speak(ask(), account, id, gone.signal)
  gone.abort(left)
  await assert.rejects(speaking, left)
  assert.equal((await ended(account, id)).state, 'cancelled')
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 50_000, heldMicro: 0 })
})

test('an engine that crashes costs an attempt: the caller waits a little and pays once', async () => {
  const account = await makeAccount(db, 50_000)
  let crashes = 1
  const engine = createToneEngine(() => {
    if (crashes-- > 0) throw new AppError('unavailable', 'The speech engine stopped.')
  })
  const id = newId()
  const speech = await speakerOver(account, engine).speak(ask(), account, id, never)
  assert.equal(speech.audioSeconds, 1)
  assert.equal((await findJob(db, account.accountId, id))?.attempts, 2)
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 40_000, heldMicro: 0 })
})

test('what crashes the engine every time fails after three attempts, in words, and costs nothing', async () => {
  const account = await makeAccount(db, 50_000)
  const engine = createToneEngine(() => {
    throw new AppError('unavailable', 'The speech engine stopped.')
  })
  const speaking = speakerOver(account, engine).speak(ask(), account, newId(), never)
  await assert.rejects(speaking, { code: 'unavailable', message: /in 3 attempts/, retryAfterSeconds: 1 })
  assert.equal(engine.pieces.length, 3)
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 50_000, heldMicro: 0 })
})

test('an engine that is given a rest costs no attempt', async () => {
  const account = await makeAccount(db, 50_000)
  let rests = 4
  const engine = createToneEngine(() => {
    if (rests-- > 0) throw new EngineResting(0.05)
  })
  const id = newId()
  await speakerOver(account, engine).speak(ask(), account, id, never)
  assert.equal((await findJob(db, account.accountId, id))?.attempts, 1)
})

test('a text of several pieces that crashes half-way goes on where it was, and sounds the same', async () => {
  const account = await makeAccount(db, 10_000_000)
  const text = 'One sentence that is long enough to stand alone. '.repeat(20)
  const whole = await speakerOver(account, createToneEngine()).speak(ask({ text }), account, newId(), never)
  let crashes = 1
  const engine = createToneEngine(({ index }) => {
    if (index === 2 && crashes-- > 0) throw new AppError('unavailable', 'The speech engine stopped.')
  })
  const again = await speakerOver(account, engine).speak(ask({ text }), account, newId(), never)
  assert.deepEqual(Buffer.from(again.bytes), Buffer.from(whole.bytes))
  const begun = engine.pieces.map(({ index }) => index)
  assert.deepEqual([begun.filter((index) => index === 0).length, begun.filter((index) => index === 2).length], [1, 2])
})

test('what had to be started is told, and a replay has started nothing', async () => {
  const account = await makeAccount(db)
  const speaker = speakerOver(account, createToneEngine(), { isEngineWarm: false })
  const request = ask({ idempotency: { key: 'cold', requestHash: 'h' } })
  assert.equal((await speaker.speak(request, account, newId(), never)).coldStart, 'engine')
  assert.equal((await speaker.speak(request, account, newId(), never)).coldStart, 'none')
})

test('a recording that comes with the request waits beside it, not in it', async () => {
  const account = await makeAccount(db)
  const bytes = Buffer.from('a recording')
  const found: ReferenceSource[] = []
  const speaker = speakerOver(account, createToneEngine())
  const find: Voices['find'] = async (reference, ...rest) => {
    found.push(reference)
    return voices.find(reference, ...rest)
  }
  const deps = {
    db,
    blobs,
    engine: createToneEngine(),
    isEngineWarm: () => true,
    provenanceSecret,
    metrics: createMetrics(),
  }
  serve(account.accountId, createTask({ ...deps, voices: { find }, log: quietLog }))
  const dataUri = `data:audio/wav;base64,${bytes.toString('base64')}`
  for (const reference of [{ kind: 'bytes', bytes } as const, { kind: 'string', value: dataUri } as const]) {
    const id = newId()
    await speaker.speak(ask({ reference }), account, id, never)
    const job = await findJob(db, account.accountId, id)
    assert.deepEqual(found.pop(), { kind: 'bytes', bytes })
    assert.ok(!JSON.stringify(job?.request).includes(bytes.toString('base64')))
  }
})

test('a failure costs nothing, and the same idempotency key may try again', async () => {
  const account = await makeAccount(db, 50_000)
  let failures = 1
  const engine = createToneEngine(() => {
    if (failures-- > 0) throw new AppError('invalid_reference_audio', 'No.')
  })
  const speaker = speakerOver(account, engine)
  const request = ask({ idempotency: { key: 'again', requestHash: 'h' } })
  await assert.rejects(speaker.speak(request, account, newId(), never), refusedWith('invalid_reference_audio'))
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
  await assert.rejects(speakerOver(account, engine).speak(ask(), account, id, never), refusedWith('internal'))
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
  const speaker = speakerOver(account, engine)
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
  const speaker = speakerOver(account, createToneEngine())
  await speaker.speak(ask({ idempotency: { key: 'k', requestHash: 'a' } }), account, newId(), never)
  const other = speaker.speak(ask({ idempotency: { key: 'k', requestHash: 'b' } }), account, newId(), never)
  await assert.rejects(other, refusedWith('idempotency_conflict'))
})

test('at the deadline the caller is told, and the job goes on to its charge and can be fetched', async () => {
  const account = await makeAccount(db, 50_000)
  const { open, wait } = gate()
  const engine = createToneEngine(() => wait)
  const speaker = speakerOver(account, engine, { timeoutSeconds: 1 })
  const request = ask({ idempotency: { key: 'slow', requestHash: 'h' } })
  const id = newId()
  // Whoever sends it again is told where the result will be.
  const late = { code: 'timeout', requestId: id }
  await Promise.all([
    assert.rejects(speaker.speak(request, account, id, never), late),
    setTimeout(200).then(() => assert.rejects(speaker.speak(request, account, newId(), never), late)),
  ])
  assert.equal((await findJob(db, account.accountId, id))?.state, 'running')
  open()
  assert.equal((await ended(account, id)).state, 'completed')
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 40_000, heldMicro: 0 })
})

test('whoever was told the id at the deadline may come back: the job no longer needs anybody who waits', async () => {
  const account = await makeAccount(db, 50_000)
  const { open, wait } = gate()
  const speaker = speakerOver(
    account,
    createToneEngine(() => wait),
    { timeoutSeconds: 1 },
  )
  const id = newId()
  await assert.rejects(speaker.speak(ask(), account, id, never), { code: 'timeout', requestId: id })
  await sql`update jobs set attended_until = attended_until - interval '1 hour' where id = ${id}`.execute(db)
  await cancelUnattendedJobs(db, SWEEP_LOCK)
  open()
  assert.equal((await ended(account, id)).state, 'completed')
})

test('a draining speaker refuses what is new and finishes what is in flight', async () => {
  const account = await makeAccount(db)
  const { open, arrive, wait, reached } = gate()
  const engine = createToneEngine(async () => {
    arrive()
    await wait
  })
  const speaker = speakerOver(account, engine)
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
  const speaker = speakerOver(account, engine)
  const id = newId()
  const speaking = speaker.speak(ask(), account, id, never)
  await reached
  const refused = assert.rejects(speaking, refusedWith('unavailable'))
  await speaker.drain(AbortSignal.abort())
  await refused
  assert.equal((await ended(account, id)).state, 'cancelled')
  assert.deepEqual(await balanceOf(account.accountId), { balanceMicro: 50_000, heldMicro: 0 })
})
