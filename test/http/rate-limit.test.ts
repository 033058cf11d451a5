// What is limited, what never is, and how it is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApiKey } from '../../src/billing/api-keys.ts'
import { openScratchApp, SPEAK_URL, VALID } from './scratch-app.ts'

const scratch = await openScratchApp({ RATE_LIMIT_RPM: '3' })
const { app, account, db } = scratch
const makeKey = async (rateLimitRpm?: number) =>
  (await createApiKey(db, { accountId: account.accountId, name: 'limited', rateLimitRpm })).key
const speak = (key: string) => scratch.speak(VALID, { 'x-api-key': key })

test('successes carry limit, remaining and the time of the reset', async () => {
  const { headers } = await speak(await makeKey())
  assert.equal(headers['x-rate-limit-limit'], '3')
  assert.equal(headers['x-rate-limit-remaining'], '2')
  const reset = String(headers['x-rate-limit-reset-at-utc'])
  assert.match(reset, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  const seconds = (new Date(reset).getTime() - Date.now()) / 1000
  assert.ok(seconds > 0 && seconds < 22, `${seconds} s: one request of three in a minute is back after 20`)
})

test('one request too many is 429 with Retry-After and the same headers; a refused body counts as well', async () => {
  const key = await makeKey()
  await scratch.speak({}, { 'x-api-key': key })
  await scratch.speak('{', { 'x-api-key': key })
  await speak(key)
  const response = await speak(key)
  assert.deepEqual([response.statusCode, response.json().code], [429, 'rate_limit_exceeded'])
  const retryAfter = Number(response.headers['retry-after'])
  assert.ok(Number.isInteger(retryAfter) && retryAfter >= 1 && retryAfter <= 20, `${retryAfter} s`)
  assert.equal(response.json().error, `This key may send 3 requests per minute. Try again in ${retryAfter} s.`)
  assert.deepEqual([response.headers['x-rate-limit-limit'], response.headers['x-rate-limit-remaining']], ['3', '0'])
  assert.ok(response.headers['x-rate-limit-reset-at-utc'])
})

test('a key’s own limit beats the setting, and 0 is no limit', async () => {
  assert.equal((await speak(await makeKey(50))).headers['x-rate-limit-limit'], '50')
  const free = await makeKey(0)
  for (let i = 0; i < 5; i++) {
    const response = await speak(free)
    assert.deepEqual([response.statusCode, response.headers['x-rate-limit-limit']], [200, undefined])
  }
})

test('uploads have a limit of their own: they take nothing from speech', async () => {
  const key = await makeKey(1)
  const upload = () =>
    app.inject({ method: 'POST', url: '/v1/upload-asset', headers: { 'x-api-key': key }, payload: {} })
  assert.equal((await upload()).json().code, 'missing_parameter')
  assert.equal((await upload()).json().code, 'rate_limit_exceeded')
  assert.equal((await speak(key)).statusCode, 200)
})

test('both paths of speech share one limit', async () => {
  const headers = { 'x-api-key': await makeKey(1) }
  assert.equal((await app.inject({ method: 'POST', url: SPEAK_URL, headers, payload: VALID })).statusCode, 200)
  const second = await app.inject({ method: 'POST', url: '/chatterbox-turbo-tts', headers, payload: VALID })
  assert.equal(second.statusCode, 429)
})

test('70 polls, balances and downloads in a row are all answered by a key that has no requests left', async () => {
  const key = await makeKey(1)
  const made = await speak(key)
  const { output } = (
    await app.inject({ url: `/v1/requests/${made.headers['x-request-id']}`, headers: { 'x-api-key': key } })
  ).json()
  assert.equal((await speak(key)).statusCode, 429)
  for (let i = 0; i < 70; i++) {
    for (const url of [
      `/v1/requests/${made.headers['x-request-id']}`,
      '/v1/get-user-credits',
      new URL(output).pathname,
    ]) {
      const response = await app.inject({ url, headers: { 'x-api-key': key } })
      assert.deepEqual([response.statusCode, response.headers['x-rate-limit-limit']], [200, undefined], url)
    }
  }
})
