import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { packageRoot } from '../../src/config.ts'
import { createFetcher } from '../../src/outbound/guarded-fetch.ts'
import { startServer } from './recording-server.ts'

const pem = readFileSync(path.join(packageRoot, 'test/outbound/certificate.pem'), 'utf8')
const never = new AbortController().signal

test('https: is spoken by name: the certificate must be trusted and must be of the host asked for', async () => {
  await using server = await startServer((request, response) => response.end(request.headers.host), {
    cert: pem,
    key: pem,
  })
  const options = {
    allowHttp: false,
    allowPrivate: true,
    timeoutMs: 10_000,
    maxBytes: 1000,
    resolve: (
      _host: string,
      _options: unknown,
      done: (error: null, addresses: { address: string; family: number }[]) => void,
    ) => done(null, [{ address: '127.0.0.1', family: 4 }]),
  }
  const trusting = createFetcher({ ...options, certificateAuthorities: pem })
  const host = `recordings.example:${server.port}`
  assert.equal(Buffer.from((await trusting.fetchBytes(`https://${host}/`, never)).bytes).toString(), host)
  const refused = { reason: 'certificate', message: /its TLS certificate was not accepted/ }
  await assert.rejects(createFetcher(options).fetchBytes(`https://${host}/`, never), refused)
  await assert.rejects(trusting.fetchBytes(`https://other.example:${server.port}/`, never), refused)
})
