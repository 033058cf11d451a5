// What only a real connection shows: callers that leave, bytes that are no HTTP, slow senders, and closing.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { errorBodySchema } from '../../src/contract/errors.ts'
import { JobStopped } from '../../src/jobs/worker.ts'
import { buildScratchApp, openScratchApp, type ScratchApp, SPEAK_URL, VALID, withResolvers } from './scratch-app.ts'

const scratch = await openScratchApp({ MAX_BODY_MB: '1' })
const portOf = async ({ app }: ScratchApp) => {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}
const port = await portOf(scratch)
const HEADERS = { 'x-api-key': scratch.account.key, 'content-type': 'application/json' }

/** Everything the server says on a connection on which `bytes` are sent, until it closes. */
async function answerTo(bytes: string, toPort = port): Promise<string> {
  const socket = connect(toPort, '127.0.0.1')
  socket.write(bytes)
  return text(socket)
}

function readRaw(raw: string) {
  const [head = '', body = ''] = raw.split('\r\n\r\n')
  const refusal = errorBodySchema.strict().parse(JSON.parse(body))
  assert.match(head, new RegExp(`x-request-id: ${refusal.request_id}`, 'i'))
  assert.match(head, /connection: close/i)
  return { status: Number(head.slice(9, 12)), code: refusal.code }
}

function send(body: string, options: { agent?: Agent; headers?: Record<string, string>; port?: number } = {}) {
  const { agent, headers = HEADERS } = options
  const request = httpRequest({ port: options.port ?? port, path: SPEAK_URL, method: 'POST', headers, agent })
  request.end(body)
  return request
}

async function answerOf(
  request: ReturnType<typeof send>,
): Promise<{ status: number | undefined; headers: IncomingMessage['headers']; body: string }> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}

test('a caller who hangs up stops the engine and pays nothing', async () => {
  const { promise: running, resolve: started } = withResolvers()
  const stopped = new Promise<unknown>((resolve) => {
    scratch.engine.beforeChunk = (_, __, signal) => {
      started()
      return new Promise((___, reject) => {
        signal.addEventListener('abort', () => {
          resolve(signal.reason)
          reject(signal.reason)
        })
      })
    }
  })
  const request = send(JSON.stringify(VALID))
  request.on('error', () => {})
  await running
  assert.equal(await scratch.heldMicro(), 300)
  request.destroy()
  assert.ok((await stopped) instanceof JobStopped)
  scratch.engine.beforeChunk = () => {}
  while ((await scratch.heldMicro()) !== 0) await new Promise(setImmediate)
  assert.equal(await scratch.balanceMicro(), 1_000_000)
  const { body } = await scratch.app.inject('/metrics')
  assert.match(
    body,
    /chatterbox_requests_total\{route="\/v1\/chatterbox-turbo-tts",status="499",code="caller_gone"\} 1\n/,
  )
})

test('bytes that are no HTTP are answered as JSON, and the server lives', async () => {
  for (const bytes of [
    'hello\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'GET / HTTP/9.9\r\n\r\n',
    'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n',
  ]) {
    assert.deepEqual(readRaw(await answerTo(bytes)), { status: 400, code: 'malformed_request' }, JSON.stringify(bytes))
  }
  assert.equal((await answerOf(send(JSON.stringify(VALID)))).status, 200)
})

test('both a length and chunks in one request, as smugglers send them, are refused', async () => {
  const smuggled = `POST ${SPEAK_URL} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`
  assert.deepEqual(readRaw(await answerTo(smuggled)), { status: 400, code: 'malformed_request' })
})

test('headers above 16 KiB are 431', async () => {
  const raw = await answerTo(`GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`)
  assert.deepEqual(readRaw(raw), { status: 431, code: 'headers_too_large' })
})

test('a request whose headers never end is 408', async () => {
  const impatient = await buildScratchApp(scratch.db)
  const itsPort = await portOf(impatient)
  impatient.app.server.headersTimeout = 100
  assert.deepEqual(readRaw(await answerTo('GET / HTTP/1.1\r\nHost: a\r\nX-Slow:', itsPort)), {
    status: 408,
    code: 'request_timeout',
  })
})

test('a body whose end never comes is 408', async () => {
  const impatient = await buildScratchApp(scratch.db)
  const itsPort = await portOf(impatient)
  Object.assign(impatient.app.server, { headersTimeout: 100, requestTimeout: 100 })
  const raw = await answerTo(
    `POST ${SPEAK_URL} HTTP/1.1\r\nHost: a\r\nx-api-key: ${impatient.account.key}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    itsPort,
  )
  assert.deepEqual(readRaw(raw), { status: 408, code: 'request_timeout' })
})

test('a chunked body above the limit is 413 and ends the connection', async () => {
  const request = httpRequest({
    port,
    path: SPEAK_URL,
    method: 'POST',
    headers: { ...HEADERS, 'transfer-encoding': 'chunked' },
  })
  request.on('error', () => {}) // the server stops reading
  for (let i = 0; i < 3; i++) request.write('x'.repeat(2 ** 19))
  const { status, headers, body } = await answerOf(request)
  request.destroy()
  assert.deepEqual([status, JSON.parse(body).code, headers.connection], [413, 'body_too_large', 'close'])
})

test('a body that breaks off is dropped, whatever its type', async () => {
  for (const contentType of ['application/json', 'multipart/form-data; boundary=b']) {
    const socket = connect(port, '127.0.0.1')
    socket.write(
      `POST ${SPEAK_URL} HTTP/1.1\r\nHost: a\r\nx-api-key: ${scratch.account.key}\r\nContent-Type: ${contentType}\r\nContent-Length: 100\r\n\r\n--b`,
    )
    await once(socket, 'ready')
    socket.destroy()
  }
  assert.equal((await answerOf(send(JSON.stringify(VALID)))).status, 200)
})

test('a connection survives refusals that were read to their end', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const refused = await answerOf(send('{', { agent }))
  const unpaid = await answerOf(send(JSON.stringify(VALID), { agent, headers: { 'content-type': 'application/json' } }))
  const answered = await answerOf(send(JSON.stringify(VALID), { agent }))
  agent.destroy()
  assert.deepEqual([refused.status, unpaid.status, answered.status], [400, 401, 200])
})

test('closing finishes what runs, and refuses what comes on open connections', async () => {
  const closing = await buildScratchApp(scratch.db)
  const itsPort = await portOf(closing)
  const headers = { ...HEADERS, 'x-api-key': closing.account.key }
  const { promise: released, resolve: release } = withResolvers()
  const { promise: running, resolve: started } = withResolvers()
  closing.engine.beforeChunk = () => {
    started()
    return released
  }
  const inFlight = answerOf(send(JSON.stringify(VALID), { headers, port: itsPort }))
  await running
  // A connection that is in the middle of its request is not idle: it is still open when the server has begun to close.
  const open = connect(itsPort, '127.0.0.1')
  open.write('GET /docs HTTP/1.1\r\nHost: a\r\n')
  await once(closing.app.server, 'connection')
  const { promise: isClosing, resolve: onClosing } = withResolvers()
  closing.app.server.close = new Proxy(closing.app.server.close, {
    apply: (close, server, parameters) => {
      onClosing()
      return Reflect.apply(close, server, parameters)
    },
  })
  const closed = closing.app.close()
  await isClosing
  open.write('\r\n')
  assert.deepEqual(readRaw(await text(open)), { status: 503, code: 'unavailable' })
  release()
  assert.equal((await inFlight).status, 200)
  await closed
})
