// deploy/nginx.conf before two upstreams, by nginx itself.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../src/config.ts'
import { freePort } from '../harness/ports.ts'
import { findProgram, runProgram, skipWithout } from '../harness/programs.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { readDeployFile } from './deploy-files.ts'

const skip = skipWithout('nginx', 'Debian: nginx-light')
const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true, force: true }))

async function listen(handler: RequestListener): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port: (server.address() as AddressInfo).port, close }
}

/** The example, on this machine's ports and with a certificate of ours; everything else as it stands. */
async function startNginx(upstreams: readonly number[]) {
  const [https, http] = [await freePort(), await freePort()]
  const certificate = path.join(packageRoot, 'test/outbound/certificate.pem')
  const gateways = upstreams.map((port) => `server 127.0.0.1:${port} max_fails=2 fail_timeout=5s;`)
  const place = (text: string, from: RegExp, to: string): string => {
    assert.match(text, from)
    return text.replace(from, to)
  }
  let text = readDeployFile('nginx.conf')
  text = place(text, /server gateway-1\.internal:8080.*\n\s*server gateway-2\.internal:8080.*/, gateways.join('\n'))
  text = place(text, /listen 443 ssl;\n\s*listen \[::\]:443 ssl;/, `listen 127.0.0.1:${https} ssl;`)
  text = place(text, /listen 80;\n\s*listen \[::\]:80;/, `listen 127.0.0.1:${http};`)
  text = place(text, /ssl_certificate .*;/, `ssl_certificate ${certificate};`)
  text = place(text, /ssl_certificate_key .*;/, `ssl_certificate_key ${certificate};`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  text = place(text, /http \{/, `http {\n access_log off;\n ${temporary.join('\n')}`)
  const file = path.join(folder, 'nginx.conf')
  await mkdir(folder, { recursive: true })
  await writeFile(
    file,
    `pid ${folder}/nginx.pid;\nerror_log ${folder}/error.log;\ndaemon off;\nmaster_process off;\n${text}`,
  )
  const checked = await runProgram('nginx', ['-t', '-q', '-c', file])
  assert.equal(checked.code, 0, checked.output)
  const nginx = spawn(findProgram('nginx') ?? '', ['-c', file], { stdio: 'inherit' })
  const ended = once(nginx, 'exit')
  for (let attempt = 0; !(await answers(https)); attempt++) {
    assert.ok(attempt < 100 && nginx.exitCode === null, 'nginx does not listen')
    await sleep(50)
  }
  const stop = async () => {
    nginx.kill('SIGTERM')
    await ended
  }
  return { https, http, stop }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy())
  })

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
  const one = await listen(gateway)
  const gone = await freePort()
  const nginx = await startNginx([one.port, gone])
  t.after(async () => {
    await nginx.stop()
    await one.close()
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
