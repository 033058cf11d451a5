// GET /outputs/{file}: public, cacheable until it expires, in ranges.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { readByteRange } from '../../src/http/byte-range.ts'
import { openScratchApp, VALID } from './scratch-app.ts'

const scratch = await openScratchApp({ RESULT_TTL_HOURS: '2' })
const { app, db } = scratch
const made = await scratch.speak(VALID, { accept: 'application/json' })
const url = new URL(made.json().output).pathname
const whole = (await app.inject(url)).rawPayload
const size = whole.length
const get = (headers: Record<string, string> = {}) => app.inject({ url, headers })

test('an output is served without a key, with its media type, tag and lifetime', async () => {
  const { statusCode, headers } = await get()
  assert.equal(statusCode, 200)
  assert.equal(headers['content-type'], 'audio/wav')
  assert.equal(headers['content-length'], String(size))
  assert.equal(headers.etag, `"${createHash('sha256').update(whole).digest('hex')}"`)
  assert.equal(headers['content-disposition'], `inline; filename="${made.json().request_id}.wav"`)
  const [, seconds] = /^public, max-age=(\d+), immutable$/.exec(String(headers['cache-control'])) ?? []
  assert.ok(Number(seconds) > 7000 && Number(seconds) <= 7200, `${seconds} s of the 7,200 are left`)
})

test('an output can do nothing in a browser but sound', async () => {
  const { headers } = await get()
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.equal(headers['content-security-policy'], "default-src 'none'; sandbox")
  assert.equal(headers['cross-origin-resource-policy'], 'cross-origin')
})

test('HEAD tells the size and sends nothing', async () => {
  const response = await app.inject({ method: 'HEAD', url })
  assert.deepEqual([response.statusCode, response.headers['content-length'], response.body], [200, String(size), ''])
})

test('a range is 206 with exactly those bytes', async () => {
  for (const [range, start, end] of [
    ['bytes=0-0', 0, 1],
    ['bytes=10-19', 10, 20],
    ['bytes=10-', 10, size],
    ['bytes=-10', size - 10, size],
    [`bytes=-${size + 5}`, 0, size],
    [`bytes=${size - 1}-${size + 100}`, size - 1, size],
  ] as const) {
    const response = await get({ range })
    assert.equal(response.statusCode, 206, range)
    assert.equal(response.headers['content-range'], `bytes ${start}-${end - 1}/${size}`)
    assert.deepEqual(response.rawPayload, whole.subarray(start, end))
  }
})

test('a range past the end is 416 and states the size', async () => {
  const response = await get({ range: `bytes=${size}-` })
  assert.deepEqual([response.statusCode, response.json().code], [416, 'range_not_satisfiable'])
  assert.equal(response.headers['content-range'], `bytes */${size}`)
})

test('ranges that are several, malformed or of another unit are ignored', async () => {
  for (const range of ['bytes=0-1,3-4', 'bytes=5-2', 'bytes=a-b', 'lines=1-2', 'bytes', 'bytes=-']) {
    const response = await get({ range })
    assert.deepEqual([response.statusCode, response.rawPayload.length], [200, size], range)
  }
})

test('If-None-Match with the tag is 304, If-Range with another tag sends the whole', async () => {
  const { etag = '' } = (await get()).headers as Record<string, string>
  for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const response = await get({ 'if-none-match': tag })
    assert.deepEqual([response.statusCode, response.body, response.headers.etag], [304, '', etag], tag)
  }
  assert.equal((await get({ 'if-none-match': '"x"' })).statusCode, 200)
  assert.equal((await get({ range: 'bytes=0-1', 'if-range': etag })).statusCode, 206)
  assert.equal((await get({ range: 'bytes=0-1', 'if-range': '"x"' })).statusCode, 200)
})

test('only the exact name is a file', async () => {
  const token = url.slice('/outputs/'.length, -'.wav'.length)
  for (const name of [
    token,
    `${token}.mp3`,
    `${token}.`,
    `${token.toUpperCase()}.wav`,
    `..%2f${token}.wav`,
    `${token}.wav%00`,
  ]) {
    assert.equal((await app.inject(`/outputs/${name}`)).statusCode, 404, name)
  }
})

test('a file whose blob is gone is 404', async () => {
  const other = (await scratch.speak(VALID, { accept: 'application/json' })).json()
  const row = await db
    .selectFrom('jobs')
    .select('output_blob_key')
    .where('id', '=', other.request_id)
    .executeTakeFirst()
  await scratch.blobs.delete(row?.output_blob_key ?? '')
  assert.equal((await app.inject(new URL(other.output).pathname)).statusCode, 404)
})

test('no range of an empty file can be satisfied, and no range is needed', () => {
  assert.deepEqual(readByteRange('bytes=0-', 0), { kind: 'unsatisfiable' })
  assert.deepEqual(readByteRange('bytes=-5', 0), { kind: 'unsatisfiable' })
  assert.deepEqual(readByteRange(undefined, 0), { kind: 'whole' })
  assert.deepEqual(readByteRange('bytes=-0', 10), { kind: 'unsatisfiable' })
})
