import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { HubError } from '../../../src/compile/hub/hub-error.ts'
import { type PullOptions, pullCheckpoint } from '../../../src/compile/hub/pull.ts'
import { COMMIT, type LocalHub, type LocalHubOptions, startLocalHub } from './local-hub.ts'

const root = mkdtempSync(path.join(tmpdir(), 'pull-'))
after(() => rmSync(root, { recursive: true }))
const signal = new AbortController().signal

const bytesOf = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7) % 251)
const T3 = 't3_turbo_v1.safetensors'
const S3GEN = 's3gen_meanflow.safetensors'
const FILES: Readonly<Record<string, Uint8Array>> = {
  [T3]: bytesOf(300_000, 1),
  [S3GEN]: bytesOf(200_000, 2),
  've.safetensors': bytesOf(5000, 3),
  'vocab.json': bytesOf(700, 4),
  'merges.txt': bytesOf(300, 5),
  'added_tokens.json': bytesOf(0, 6),
  'conds.pt': bytesOf(1000, 7),
}
const HUB: LocalHubOptions = { repository: 'ResembleAI/chatterbox-turbo', files: FILES, large: [T3, S3GEN, 'conds.pt'] }

let folders = 0
const optionsFor = (hub: LocalHub, changes: Partial<PullOptions> = {}): PullOptions => ({
  endpoint: hub.endpoint,
  repository: HUB.repository,
  revision: 'main',
  model: 'turbo',
  folder: path.join(root, String(folders++)),
  firstWaitMs: 1,
  ...changes,
})

function assertWhole(folder: string): void {
  assert.deepEqual(readdirSync(folder).sort(), Object.keys(FILES).sort())
  for (const [name, content] of Object.entries(FILES))
    assert.deepEqual(new Uint8Array(readFileSync(path.join(folder, name))), content, name)
}

test('all files of one commit arrive; what the repository lacks may be missing', async () => {
  await using hub = await startLocalHub(HUB)
  const progress: number[] = []
  const options = optionsFor(hub, { onProgress: ({ bytes, totalBytes }) => progress.push(bytes / totalBytes) })
  const pulled = await pullCheckpoint(options, signal)
  assert.equal(pulled.commit, COMMIT)
  assertWhole(options.folder)
  assert.equal(progress.at(-1), 1)
  assert.deepEqual(
    progress,
    progress.toSorted((a, b) => a - b),
  )
  const revisions = hub.requests.filter((line) => line.startsWith('hub')).map((line) => line.split('/')[4])
  assert.deepEqual([...new Set(revisions)], ['main', COMMIT])
  assert.equal(revisions.filter((revision) => revision === 'main').length, 1)
})

test('what is there already is checked and not fetched again; what was changed is', async () => {
  await using hub = await startLocalHub(HUB)
  const options = optionsFor(hub)
  await pullCheckpoint(options, signal)
  writeFileSync(path.join(options.folder, 'merges.txt'), bytesOf(300, 99))
  hub.requests.length = 0
  await pullCheckpoint(options, signal)
  assertWhole(options.folder)
  assert.deepEqual(
    hub.requests.filter((line) => line.includes(' GET ')).map((line) => line.split(' ')[2]?.split('/').at(-1)),
    ['merges.txt'],
  )
})

test('a broken connection continues where it ended', async () => {
  await using hub = await startLocalHub(HUB)
  const options = optionsFor(hub)
  hub.storageTrouble.push({ kind: 'break-after', bytes: 100_000 }, { kind: 'break-after', bytes: 50_000 })
  await pullCheckpoint(options, signal)
  assertWhole(options.folder)
  const ranges = hub.requests.filter((line) => line.startsWith(`storage GET /${T3}`)).map((line) => line.split(' ')[3])
  // An error of the body drops what fetch has received but not handed out yet: where exactly it continues is not ours to say.
  const begins = ranges.map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0))
  assert.equal(begins.length, 3)
  assert.deepEqual(
    begins,
    begins.toSorted((a, b) => a - b),
  )
  assert.ok((begins[1] ?? 0) <= 100_000 && (begins[2] ?? 0) <= 150_000, `${begins}`)
})

test('a pull that was stopped is continued by the next one', async () => {
  await using hub = await startLocalHub(HUB)
  const stop = new AbortController()
  const options = optionsFor(hub, { onProgress: ({ file }) => file === T3 && stop.abort() })
  hub.storageTrouble.push({ kind: 'break-after', bytes: 100_000 })
  await assert.rejects(pullCheckpoint(options, stop.signal), { name: 'AbortError' })
  const arrived = readFileSync(path.join(options.folder, `${T3}.part`)).length
  assert.ok(arrived > 0 && arrived < 300_000)
  await pullCheckpoint({ ...options, onProgress: () => {} }, signal)
  assertWhole(options.folder)
  assert.ok(hub.requests.some((line) => line.includes(`bytes=${arrived}-`)))
})

test('a server that ignores the range sends everything again, and that is what is kept', async () => {
  await using hub = await startLocalHub(HUB)
  const options = optionsFor(hub)
  hub.storageTrouble.push({ kind: 'break-after', bytes: 100_000 }, { kind: 'ignore-range' })
  await pullCheckpoint(options, signal)
  assertWhole(options.folder)
})

test('too many requests and a server in trouble are waited for, as long as they ask', async () => {
  await using hub = await startLocalHub(HUB)
  const waits: [string, number][] = []
  const options = optionsFor(hub, { onRetry: (reason, waitMs) => waits.push([reason, waitMs]) })
  hub.hubTrouble.push({ kind: 'status', status: 429, retryAfter: '0' }, { kind: 'status', status: 503 })
  hub.storageTrouble.push({ kind: 'status', status: 502 })
  await pullCheckpoint(options, signal)
  assertWhole(options.folder)
  assert.deepEqual(waits, [
    ['the hub answered 429', 0],
    ['the hub answered 503', 2],
    ['the hub answered 502', 1],
  ])
})

test('a hub that stays in trouble, or asks to wait for an hour, ends the pull', async () => {
  await using hub = await startLocalHub(HUB)
  hub.hubTrouble.push(...Array.from({ length: 8 }, () => ({ kind: 'status', status: 500 }) as const))
  await assert.rejects(pullCheckpoint(optionsFor(hub), signal), /The download failed: the hub answered 500/)
  hub.hubTrouble.push({ kind: 'status', status: 429, retryAfter: '3600' })
  await assert.rejects(pullCheckpoint(optionsFor(hub), signal), /The download failed: the hub answered 429/)
})

test('a damaged file is deleted, not kept', async () => {
  await using hub = await startLocalHub(HUB)
  const options = optionsFor(hub)
  hub.storageTrouble.push({ kind: 'corrupt' })
  await assert.rejects(pullCheckpoint(options, signal), /t3_turbo_v1\.safetensors arrived damaged/)
  assert.ok(!existsSync(path.join(options.folder, T3)))
  assert.ok(!existsSync(path.join(options.folder, `${T3}.part`)))
})

test('the token goes to the hub and not to the storage it redirects to', async () => {
  await using hub = await startLocalHub({ ...HUB, token: 'hf_secret' })
  const options = optionsFor(hub, { token: 'hf_secret' })
  await pullCheckpoint(options, signal)
  assertWhole(options.folder)
  for (const line of hub.requests) assert.equal(line.includes('hf_secret'), line.startsWith('hub'), line)
})

test('a refusal says what to do, without the token', async () => {
  await using hub = await startLocalHub({ ...HUB, token: 'hf_secret' })
  await assert.rejects(pullCheckpoint(optionsFor(hub), signal), /refuses .* \(401\); it may need a token: set HF_TOKEN/)
  await assert.rejects(
    pullCheckpoint(optionsFor(hub, { token: 'hf_wrong' }), signal),
    (error) =>
      error instanceof HubError &&
      /the token in HF_TOKEN may not read it/.test(error.message) &&
      !error.message.includes('hf_'),
  )
})

test('a renamed repository is followed; a file it lacks is named', async () => {
  await using hub = await startLocalHub({ ...HUB, formerName: 'old/name' })
  const options = optionsFor(hub, { repository: 'old/name' })
  await pullCheckpoint(options, signal)
  assertWhole(options.folder)
  await assert.rejects(
    pullCheckpoint(optionsFor(hub, { model: 'nano' }), signal),
    /has no t3_nano_v1\.safetensors in ResembleAI\/chatterbox-turbo at main/,
  )
})

test('a hub that is not there is said to be so', async () => {
  const endpoint = 'http://127.0.0.1:9'
  const options: PullOptions = {
    endpoint,
    repository: 'a/b',
    revision: 'main',
    model: 'turbo',
    folder: path.join(root, 'none'),
    firstWaitMs: 1,
  }
  await assert.rejects(pullCheckpoint(options, signal), /the hub cannot be reached/)
})
