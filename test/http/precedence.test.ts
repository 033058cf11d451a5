// With several faults in one request, the answer names the first in the contract's order. Every pair is sent.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InjectOptions } from 'fastify'
import { createApiKey } from '../../src/billing/api-keys.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { makeAccount } from '../harness/accounts.ts'
import { SUBMIT_URL } from './async-calls.ts'
import { openScratchApp, SPEAK_URL, VALID } from './scratch-app.ts'

const { app, db } = await openScratchApp()

interface Request {
  readonly url: string
  readonly method: string
  /** Which account's key is sent, and whether that key has any requests left. */
  readonly key: 'none' | 'usual' | 'usual, exhausted'
  readonly isPoor: boolean
  readonly contentType: string
  readonly body: Readonly<Record<string, unknown>>
  readonly isJson: boolean
}

const FAULTLESS: Omit<Request, 'url'> = {
  method: 'POST',
  key: 'usual',
  isPoor: false,
  contentType: 'application/json',
  body: VALID,
  isJson: true,
}

/** In the order of the contract. `missing_api_key` leaves no key to be exhausted. */
const FAULTS: readonly (readonly [code: ErrorCode, breakIt: (request: Request) => Request])[] = [
  ['model_not_found', (request) => ({ ...request, url: request.url.replace('chatterbox', 'no-such') })],
  ['method_not_allowed', (request) => ({ ...request, method: 'PUT' })],
  ['missing_api_key', (request) => ({ ...request, key: 'none' })],
  ['rate_limit_exceeded', (request) => (request.key === 'none' ? request : { ...request, key: 'usual, exhausted' })],
  ['invalid_content_type', (request) => ({ ...request, contentType: 'text/plain' })],
  ['invalid_json', (request) => ({ ...request, isJson: false })],
  ['missing_parameter', (request) => ({ ...request, body: { ...request.body, text: undefined } })],
  ['invalid_parameter', (request) => ({ ...request, body: { ...request.body, temperature: 'hot' } })],
  ['insufficient_credits', (request) => ({ ...request, isPoor: true })],
]

const [rich, poor] = [await makeAccount(db), await makeAccount(db, 0)]
async function makeExhaustedKey(accountId: string): Promise<string> {
  const { key } = await createApiKey(db, { accountId, name: 'exhausted', rateLimitRpm: 1 })
  await app.inject({ method: 'POST', url: SPEAK_URL, headers: { 'x-api-key': key } })
  return key
}
const exhausted = { rich: await makeExhaustedKey(rich.accountId), poor: await makeExhaustedKey(poor.accountId) }

function send({ url, method, key, isPoor, contentType, body, isJson }: Request) {
  const usual = isPoor ? poor.key : rich.key
  const sent = key === 'usual, exhausted' ? (isPoor ? exhausted.poor : exhausted.rich) : usual
  const payload = JSON.stringify(body)
  return app.inject({
    method,
    url,
    headers: { 'content-type': contentType, ...(key === 'none' ? {} : { 'x-api-key': sent }) },
    payload: isJson ? payload : `[${payload}]`,
  } as InjectOptions)
}

for (const url of [SPEAK_URL, SUBMIT_URL]) {
  const faultless = { ...FAULTLESS, url }

  test(`${url}: the request without a fault is answered`, async () => {
    assert.equal((await send(faultless)).statusCode, 200)
  })

  for (const [index, [first, breakFirst]] of FAULTS.entries()) {
    test(`${url}: ${first} is found alone`, async () => {
      assert.equal((await send(breakFirst(faultless))).json().code, first)
    })
    for (const [second, breakSecond] of FAULTS.slice(index + 1)) {
      test(`${url}: ${first} comes before ${second}`, async () => {
        assert.equal((await send(breakSecond(breakFirst(faultless)))).json().code, first)
      })
    }
  }
}
