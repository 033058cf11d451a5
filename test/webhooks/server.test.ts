// The whole of it as it is started: a request over HTTP, the worker and its engine process, and the message at the receiver.
import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { Webhook as Verifier } from 'standardwebhooks'
import { readConfig } from '../../src/config.ts'
import type { CompletedRequest, SubmittedRequest } from '../../src/contract/requests.ts'
import { BUNDLED_VOICE_FILE, startServer } from '../../src/main.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { startReceiver, until } from './receiver.ts'

const KEY = 'cb_000102030405060708090a0b0c0d0e0f'
const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true, force: true }))

test('a request is spoken and told of: signed for the account, signed for its webhook, with the file that can be fetched', async () => {
  await using receiver = await startReceiver()
  await using server = await startServer(
    readConfig(
      {
        DATA_DIR: path.join(folder, 'data'),
        PORT: '0',
        MODEL: 'preview',
        BOOTSTRAP_API_KEY: KEY,
        WEBHOOK_ALLOW_HTTP: 'true',
        WEBHOOK_ALLOW_PRIVATE: 'true',
      },
      {},
    ),
    quietLog,
  )
  const call = async <T>(place: string, body?: object): Promise<T> => {
    const headers = { 'x-api-key': KEY, ...(body ? { 'content-type': 'application/json' } : {}) }
    const response = await fetch(new URL(place, server.url), {
      headers,
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    })
    assert.ok(response.ok, `${place}: ${response.status}`)
    return (await response.json()) as T
  }
  const ofAccount = await call<{ secret: string }>('/v1/webhooks/secret')
  const own = await call<{ secret: string }>('/v1/webhooks', { url: `${receiver.url}/own`, events: ['completed'] })
  const { request_id: id } = await call<SubmittedRequest>('/v2/chatterbox-turbo-tts', {
    text: 'Hello there.',
    reference_audio: `data:audio/wav;base64,${(await readFile(BUNDLED_VOICE_FILE)).toString('base64')}`,
    webhook_url: `${receiver.url}/of-the-request`,
  })
  await until('both messages have arrived', () => receiver.received.length >= 2 || undefined)
  const result = await call<CompletedRequest>(`/v2/requests/${id}`)

  assert.deepEqual(receiver.received.map((message) => message.path).sort(), ['/hook/of-the-request', '/hook/own'])
  for (const { path: place, headers, body } of receiver.received) {
    const [secret, other] = place.endsWith('own') ? [own.secret, ofAccount.secret] : [ofAccount.secret, own.secret]
    const { type, data } = new Verifier(secret).verify(body, headers) as { type: string; data: CompletedRequest }
    assert.throws(() => new Verifier(other).verify(body, headers), /No matching signature/)
    assert.equal(type, 'request.completed')
    assert.deepEqual([data.status, data.request_id, data.output], ['COMPLETED', id, result.output])
    const file = Buffer.from(await (await fetch(data.output)).arrayBuffer())
    assert.equal(file.toString('latin1', 0, 4), 'RIFF')
  }
})
