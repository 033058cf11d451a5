// deploy/nginx.conf before two upstreams, by nginx itself.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { request } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { listenLocally } from '../harness/local-server.ts'
import { freePort } from '../harness/ports.ts'
import { skipWithout } from '../harness/programs.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { startNginx } from './nginx.ts'

const skip = skipWithout('nginx', 'Debian: nginx-light')
const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true, force: true }))

interface Ask {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: Buffer
}

async function ask(
  port: number,
  url: string,
  { method = 'GET', headers = {}, body }: Ask = {},
): Promise<IncomingMessage> {
  const sent = request({
    port,
    path: url,
    method,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    servername: 'tts.example.com',
    headers: { host: 'tts.example.com', ...headers },
  })
  sent.on('error', () => {}) // a body that is refused half-way
  sent.end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return answer
}

const textOf = async (answer: IncomingMessage): Promise<string> => (await buffer(answer)).toString()

test('nginx before two gateways', { skip }, async (t) => {
  let finishStream = () => {}
  const gateway: RequestListener = async (incoming, answer) => {
    if (incoming.url === '/stream') {
      answer.write('first')
      finishStream = () => answer.end('last')
    } else if (incoming.url === '/size') {
      answer.end(String((await buffer(incoming)).byteLength))
    } else answer.end(JSON.stringify(incoming.headers))
  }
  const one = await listenLocally(createServer(gateway))
  const gone = await freePort()
  const nginx = await startNginx(folder, [one.port, gone])
  t.after(async () => {
    await nginx.stop()
    await one[Symbol.asyncDispose]()
  })

  await t.test('a gateway that refuses connections costs nobody a request', async () => {
    for (let n = 0; n < 10; n++) {
      const answer = await ask(nginx.https, '/v1/chatterbox-turbo-tts', { method: 'POST', body: Buffer.from('{}') })
      assert.equal(answer.statusCode, 200)
      answer.resume()
    }
  })

  await t.test('the gateway hears who called and how, whatever the caller claims', async () => {
    const headers = { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'gopher', 'idempotency-key': 'k' }
    const seen = JSON.parse(await textOf(await ask(nginx.https, '/', { headers })))
    assert.equal(seen['x-forwarded-for'], '127.0.0.1')
    assert.equal(seen['x-forwarded-proto'], 'https')
    assert.equal(seen['x-forwarded-host'], 'tts.example.com')
    assert.equal(seen.host, 'tts.example.com')
    assert.equal(seen['idempotency-key'], 'k')
    assert.equal(seen.connection, undefined, 'connections to gateways are kept')
  })

  await t.test('the first bytes of a stream arrive before its last are made', async () => {
    const answer = await ask(nginx.https, '/stream')
    const [first] = await once(answer, 'data')
    assert.equal(String(first), 'first')
    finishStream()
    assert.equal(await textOf(answer), 'last')
  })

  await t.test(
    'a body of MAX_BODY_MB passes, and a larger one is the gateway’s to refuse up to a mebibyte more',
    async () => {
      const bytes = 32 * 2 ** 20 + 1000
      const answer = await ask(nginx.https, '/size', { method: 'POST', body: Buffer.alloc(bytes) })
      assert.equal(await textOf(answer), String(bytes))
      const refused = await ask(nginx.https, '/size', {
        method: 'POST',
        headers: { 'content-length': String(40 * 2 ** 20) },
      })
      assert.equal(refused.statusCode, 413)
      refused.resume()
    },
  )

  await t.test('metrics are not for the outside, and plain HTTP is sent to TLS', async () => {
    const hidden = await ask(nginx.https, '/metrics')
    assert.equal(hidden.statusCode, 404)
    hidden.resume()
    const sent = httpRequest({
      port: nginx.http,
      path: '/docs?x=1',
      host: '127.0.0.1',
      headers: { host: 'tts.example.com' },
    }).end()
    const [plain] = (await once(sent, 'response')) as [IncomingMessage]
    assert.deepEqual([plain.statusCode, plain.headers.location], [301, 'https://tts.example.com/docs?x=1'])
    plain.resume()
  })
})
