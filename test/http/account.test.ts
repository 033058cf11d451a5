// GET /v1/get-user-credits.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { creditsSchema } from '../../src/contract/account.ts'
import { openScratchApp, VALID, withResolvers } from './scratch-app.ts'

const scratch = await openScratchApp()
const credits = async () => {
  const response = await scratch.app.inject({
    url: '/v1/get-user-credits',
    headers: { 'x-api-key': scratch.account.key },
  })
  assert.equal(response.statusCode, 200)
  return creditsSchema.strict().parse(response.json())
}

test('the balance drops once per request, when it is charged, not while it runs', async () => {
  assert.deepEqual(await credits(), { credits: 1, 'free-credits': 0 })
  const { promise: released, resolve: release } = withResolvers()
  const { promise: running, resolve: started } = withResolvers()
  scratch.engine.beforeChunk = () => {
    started()
    return released
  }
  const speaking = scratch.speak(VALID)
  await running
  assert.equal((await credits()).credits, 1)
  release()
  await speaking
  assert.equal((await credits()).credits, 0.9997)
})

test('it tests a key', async () => {
  const response = await scratch.app.inject({ url: '/v1/get-user-credits', headers: { 'x-api-key': 'wrong' } })
  assert.equal(response.json().code, 'invalid_api_key')
})
