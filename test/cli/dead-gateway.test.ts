// A gateway that is killed with callers waiting at it: what nobody can fetch any more is stopped and costs nothing, what somebody can ask for
// again goes on. The gateway is a process of its own; the worker is in this one, so that its engine can be held and looked at.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readConfig } from '../../src/config.ts'
import { BUNDLED_VOICE_FILE, startWorkerAlone } from '../../src/main.ts'
import { startDatabase } from '../../src/storage/database.ts'
import { startCommand } from '../harness/command.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { createToneEngine } from '../harness/tone-engine.ts'

const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true, force: true }))
const settings = {
  DATA_DIR: path.join(folder, 'data'),
  PORT: '0',
  LOG_LEVEL: 'warn',
  MODEL: 'preview',
  BOOTSTRAP_API_KEY: 'cb_test',
  BOOTSTRAP_CREDITS: '1',
  PRICE_PER_1000_CHARACTERS: '1',
  RATE_LIMIT_RPM: '0',
  WORKER_SLOTS: '2',
}
// 20 s of attendance, 5 s between two sweeps, and an unhurried machine.
const LONGEST_WAIT_MS = 90_000

async function until(look: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = performance.now() + LONGEST_WAIT_MS; performance.now() < end; await sleep(100)) {
    if (await look()) return
  }
  assert.fail('it never happened')
}

async function speak(url: string, words: string, headers: Record<string, string> = {}): Promise<Response> {
  const body = new FormData()
  body.set('text', words)
  body.set('reference_audio', new Blob([await readFile(BUNDLED_VOICE_FILE)]), 'reference.wav')
  const authorized = { 'x-api-key': settings.BOOTSTRAP_API_KEY, ...headers }
  return fetch(`${url}/v1/chatterbox-turbo-tts`, { method: 'POST', headers: authorized, body })
}

test('a killed gateway leaves no job that nobody can fetch: queued or running, it ends unpaid; one with a key goes on', async () => {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  const engine = createToneEngine(
    (_, __, signal) =>
      new Promise((resolve) => {
        opened.then(resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
      }),
    2,
  )
  await using _worker = await startWorkerAlone(readConfig({}, settings), quietLog, { engine })
  await using database = await startDatabase({ databaseUrl: undefined, dataDir: settings.DATA_DIR }, quietLog, {
    poolSize: 2,
  })
  const { db } = database
  const jobs = () =>
    db.selectFrom('jobs').select(['state', 'idempotency_key as key', 'charged_micro as paid']).execute()
  const money = () =>
    db.selectFrom('accounts').select(['balance_micro as balance', 'held_micro as held']).executeTakeFirstOrThrow()

  const gateway = startCommand(['serve', '--no-worker'], settings)
  after(() => gateway.kill('SIGKILL'))
  let url: string | undefined
  for await (const line of createInterface(gateway.stdout)) {
    url ??= /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
    if (line.includes('-o hello.wav')) break
  }
  assert.ok(url)

  const broken = ['Ten chars.', 'Ten chars?'].map((words, i) =>
    assert.rejects(speak(url, words, i === 0 ? {} : { 'idempotency-key': 'k' })),
  )
  await until(() => engine.pieces.length === 2)
  broken.push(assert.rejects(speak(url, 'Ten chars!')))
  await until(async () => (await jobs()).length === 3)
  assert.deepEqual(await money(), { balance: 1_000_000, held: 30_000 })
  gateway.kill('SIGKILL')
  await once(gateway, 'exit')
  await Promise.all(broken)

  await until(async () => (await money()).held === 10_000)
  assert.ok(engine.stopped >= 1)
  open()
  await until(async () => (await money()).held === 0)
  assert.equal((await money()).balance, 990_000)
  const ends = (await jobs()).map(({ state, key, paid }) => `${key ?? '-'} ${state} ${paid}`).sort()
  assert.deepEqual(ends, ['- cancelled 0', '- cancelled 0', 'k completed 10000'])
  const begun = engine.pieces.filter(({ text }) => text === 'Ten chars?')
  assert.equal(begun.length, 1, 'what goes on was not stopped in between')
})
