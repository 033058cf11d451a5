// Pages of other origins.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openScratchApp, SPEAK_URL, VALID } from './scratch-app.ts'

const scratch = await openScratchApp()
const { app } = scratch
const origin = 'https://app.example'

test('a preflight is answered without a key, and allows what the API takes', async () => {
  const response = await app.inject({
    method: 'OPTIONS',
    url: SPEAK_URL,
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x-api-key,idempotency-key',
    },
  })
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers['access-control-allow-origin'], '*')
  assert.equal(response.headers['access-control-allow-methods'], 'OPTIONS, POST')
  assert.equal(response.headers['access-control-allow-headers'], '*, authorization')
  assert.equal(response.headers['access-control-max-age'], '86400')
  assert.match(String(response.headers['x-request-id']), /^[0-9a-f]{32}$/)
})

test('answers and refusals can be read by the page, their accounting included', async () => {
  for (const body of [VALID, {}]) {
    const { headers } = await scratch.speak(body, { origin })
    assert.equal(headers['access-control-allow-origin'], '*')
    for (const name of ['x-request-id', 'x-cost', 'x-remaining-credits', 'x-seed-value', 'retry-after']) {
      assert.match(String(headers['access-control-expose-headers']), new RegExp(`\\b${name}\\b`))
    }
    assert.equal(headers['access-control-allow-credentials'], undefined)
  }
})

test('metrics are for no page', async () => {
  const response = await app.inject({ url: '/metrics', headers: { origin } })
  assert.deepEqual([response.statusCode, response.headers['access-control-allow-origin']], [200, undefined])
})

test('OPTIONS on an unknown path is 404', async () => {
  assert.equal((await app.inject({ method: 'OPTIONS', url: '/v1/no-such-model' })).statusCode, 404)
})

test('whoever is not a page gets no such headers', async () => {
  assert.equal((await scratch.speak(VALID)).headers['access-control-allow-origin'], undefined)
})
