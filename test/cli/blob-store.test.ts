// A server whose outputs are in a bucket: it speaks, serves ranges, and refuses to start on a bucket it cannot use.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import type { Finding } from '../../src/cli/checks.ts'
import { BUNDLED_VOICE_FILE } from '../../src/main.ts'
import { runCommand, startCommand } from '../harness/command.ts'
import { S3_BUCKET, S3_CREDENTIALS, startS3 } from '../harness/s3-server.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const root = await makeTemporaryFolder()
const s3 = await startS3()
after(async () => {
  await s3[Symbol.asyncDispose]()
  await rm(root, { recursive: true })
})
const key = 'key-of-the-test'
const environment = {
  ...S3_CREDENTIALS,
  AWS_EC2_METADATA_DISABLED: 'true',
  DATA_DIR: path.join(root, 'data'),
  XDG_CACHE_HOME: path.join(root, 'cache'),
  PORT: '0',
  LOG_LEVEL: 'warn',
  BOOTSTRAP_API_KEY: key,
  BLOB_URL: `s3://${S3_BUCKET}/speech`,
  BLOB_ENDPOINT: s3.endpoint,
}

test('speech goes through the bucket, and a range of it comes from there alone', async (t) => {
  const child = startCommand(['serve'], environment)
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'close')
  })
  let url: string | undefined
  for await (const line of createInterface(child.stdout)) {
    url ??= /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
    if (line.includes('-o hello.wav')) break
  }
  assert.ok(url)
  const body = new FormData()
  body.set('text', 'Hello from the bucket.')
  body.set('reference_audio', new Blob([await readFile(BUNDLED_VOICE_FILE)]), 'reference.wav')
  const headers = { 'x-api-key': key, accept: 'application/json' }
  const made = await fetch(`${url}/v1/chatterbox-turbo-tts`, { method: 'POST', headers, body })
  const { output } = (await made.json()) as { output: string }
  assert.ok(s3.asked.some(({ request }) => request.startsWith(`PUT /${S3_BUCKET}/speech/outputs/`)))

  const whole = Buffer.from(await (await fetch(output)).arrayBuffer())
  assert.equal(whole.subarray(0, 4).toString(), 'RIFF')
  s3.asked.length = 0
  const part = await fetch(output, { headers: { range: 'bytes=1000-1999' } })
  assert.deepEqual([part.status, part.headers.get('content-length')], [206, '1000'])
  assert.deepEqual(Buffer.from(await part.arrayBuffer()), whole.subarray(1000, 2000))
  const head = await fetch(output, { method: 'HEAD' })
  assert.equal(head.headers.get('content-length'), String(whole.length))
  assert.deepEqual(
    // Of outputs alone: what the server asks beside them, it asks when it likes.
    s3.asked.filter(({ request }) => /^(GET|HEAD) \/[^ ?]*\/outputs\//.test(request)).map(({ bodyBytes }) => bodyBytes),
    [1000, 0],
  )
  child.kill('SIGTERM')
  child.stdout.resume()
  if (child.exitCode === null) await once(child, 'close')
  assert.equal(child.exitCode, 0)
})

test('a bucket that cannot be used is one line, from the server and from the doctor', async () => {
  for (const [wrong, words] of [
    [{ BLOB_URL: 's3://nowhere' }, /There is no such bucket: the bucket nowhere at http:.* correct BLOB_URL\./],
    [{ AWS_ACCESS_KEY_ID: 'NOBODY' }, /The credentials .* are refused \(InvalidAccessKeyId\)/],
  ] as const) {
    const served = await runCommand(['serve'], { ...environment, ...wrong })
    assert.equal(served.code, 1)
    assert.match(served.stderr, new RegExp(`^error: ${words.source}`, 'm'))
    assert.doesNotMatch(served.stderr, /^ {4}at /m, 'no stack')
    const { code, stdout } = await runCommand(['doctor', '--json'], { ...environment, ...wrong })
    const finding = (JSON.parse(stdout.toString()) as Finding[]).find(({ name }) => name === 'blobs')
    assert.deepEqual([code, finding?.state], [1, 'failure'])
    assert.match(finding?.found ?? '', words)
  }
})

test('a store of another kind is a wrong setting', async () => {
  const { code, stderr } = await runCommand(['serve'], { ...environment, BLOB_URL: 'gs://bucket' })
  assert.equal(code, 1)
  assert.match(stderr, /BLOB_URL: must be s3:\/\/bucket\/prefix or file:\/\/\/folder/)
})
