import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { AddressRules } from '../../src/outbound/address-rules.ts'
import { createFetcher, type FetcherOptions } from '../../src/outbound/guarded-fetch.ts'
import type { Resolve } from '../../src/outbound/guarded-lookup.ts'
import { OutboundError, type OutboundReason } from '../../src/outbound/outbound-error.ts'
import { startServer } from './recording-server.ts'

// On the machine of a test nothing is public, so one loopback address plays that part and another the private network.
const OUTSIDE = '127.0.0.1'
const INSIDE = '127.0.0.2'
const rules: AddressRules = { allowsAddress: (address) => address === OUTSIDE, allowsPort: () => true }
const never = new AbortController().signal

const fetcher = (options: Partial<FetcherOptions> = {}) =>
  createFetcher({ allowHttp: true, allowPrivate: false, timeoutMs: 10_000, maxBytes: 1000, rules, ...options })

const answers = (...addresses: string[]): Resolve => {
  return (_host, _options, done) =>
    setImmediate(() =>
      done(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      ),
    )
}

const refuses = (work: Promise<unknown>, reason: OutboundReason, message = /./) =>
  assert.rejects(work, (error) => {
    assert.ok(error instanceof OutboundError, String(error))
    assert.equal(error.reason, reason)
    assert.match(error.message, message)
    return true
  })

const sends =
  (body: string | Uint8Array, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'audio/wav', ...headers }).end(body)
  }

test('a file is fetched as it is, with no cookie, no referrer and our own name', async () => {
  await using server = await startServer(sends('RIFF', { 'set-cookie': 'a=1', 'content-type': 'Audio/WAV; x=1' }))
  const fetched = await fetcher().fetchBytes(`http://${OUTSIDE}:${server.port}/me.wav?x=1#y`, never)
  assert.equal(Buffer.from(fetched.bytes).toString(), 'RIFF')
  assert.equal(fetched.mediaType, 'audio/wav')
  assert.equal(server.requests[0]?.url, '/me.wav?x=1')
  assert.deepEqual(Object.keys(server.requests[0]?.headers ?? {}).sort(), [
    'accept',
    'accept-encoding',
    'connection',
    'host',
    'user-agent',
  ])
  await server.allClosed()
})

const ODD_FORMS = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0177.0.0.1/',
  'http://127.0.0.1./',
  'http://①②⑦.0.0.1/',
  'http://0.0.0.0/',
  'http://0/',
  'http://[::]/',
  'http://[::1]/',
  'http://[::ffff:7f00:1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::7f00:1]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://[fe80::1]/',
  'http://[fd00:ec2::254]/',
  'http://169.254.169.254/latest/meta-data/',
  'http://10.0.0.1/',
  'http://user:secret@example.com/',
  'http://user@example.com/',
  'https://example.com:8443/',
  'http://example.com:22/',
  'http://example.com:0/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://example.com/',
  'data:audio/wav;base64,AAAA',
  'https://',
  'http://[fe80::1%25eth0]/',
  'example.com/me.wav',
  '',
  `https://example.com/${'a'.repeat(9000)}`,
]
for (const url of ODD_FORMS) {
  test(`refused before anything is looked up: ${url.slice(0, 60) || 'the empty text'}`, async () => {
    const resolve: Resolve = () => assert.fail('looked up')
    const guarded = fetcher({ rules: undefined, resolve })
    assert.equal(guarded.problemOf(url)?.reason, 'url')
    await refuses(guarded.fetchBytes(url, never), 'url', /^URL must /)
  })
}

for (const host of ['localhost', 'localhost.', 'LOCALHOST']) {
  test(`${host} is what it resolves to, in words that do not say so`, async () => {
    const work = fetcher({ rules: undefined }).fetchBytes(`http://${host}/`, never)
    // Not every resolver knows the form with a dot.
    await assert.rejects(work, { reason: /^(blocked|unreachable)$/, message: /^URL could not be fetched/ })
  })
}

test('a blocked address, a closed port and a name that does not exist are told apart by nobody outside', async () => {
  const failing: Resolve = (host, _options, done) => done(new Error(`getaddrinfo ENOTFOUND ${host}`), [])
  const messages: string[] = []
  for (const [resolve, url] of [
    [answers('10.0.0.1'), 'http://a.example:9/'],
    [answers(OUTSIDE), 'http://b.example:9/'],
    [failing, 'http://c.example:9/'],
    [answers(), 'http://d.example:9/'],
  ] as const) {
    await fetcher({ resolve })
      .fetchBytes(url, never)
      .catch((error) => messages.push(error.message))
  }
  assert.equal(messages.length, 4)
  assert.equal(new Set(messages).size, 1)
})

test('http: is refused unless it is allowed', async () => {
  await refuses(fetcher({ allowHttp: false }).fetchBytes('http://example.com/', never), 'url', /must use https:/)
})

test('a name that also resolves to a private address is blocked as a whole', async () => {
  await using server = await startServer(sends('x'))
  const work = fetcher({ resolve: answers(OUTSIDE, INSIDE) }).fetchBytes(`http://a.example:${server.port}/`, never)
  await refuses(work, 'blocked')
  assert.deepEqual(server.reachedAt, [])
})

test('a name that changes its address between two look-ups reaches the private one not once in 40 tries', async () => {
  await using server = await startServer(sends('x'))
  const flipping = (): Resolve => {
    let asked = 0
    return (host, options, done) => answers(asked++ % 2 === 0 ? OUTSIDE : INSIDE)(host, options, done)
  }
  const attempt = async (options: Partial<FetcherOptions>) => {
    const { fetchBytes } = fetcher(options)
    const outcomes: PromiseSettledResult<unknown>[] = []
    for (let i = 0; i < 40; i++) {
      outcomes.push(...(await Promise.allSettled([fetchBytes(`http://a.example:${server.port}/`, never)])))
    }
    return outcomes.filter(({ status }) => status === 'fulfilled').length
  }
  assert.equal(await attempt({ resolve: flipping() }), 20)
  assert.deepEqual(new Set(server.reachedAt), new Set([OUTSIDE]))
  // The same without the guard does get through: the test can fail.
  const allow = { allowsAddress: () => true, allowsPort: () => true }
  if (process.platform === 'linux') assert.equal(await attempt({ resolve: flipping(), rules: allow }), 40)
})

test('a redirect to a private address is refused, by number and by name', async () => {
  let target = ''
  await using server = await startServer((_request, response) => response.writeHead(302, { location: target }).end())
  const resolve: Resolve = (host, ...rest) => answers(host === 'inside.example' ? INSIDE : OUTSIDE)(host, ...rest)
  const { fetchBytes } = fetcher({ resolve })
  target = `http://${INSIDE}:${server.port}/`
  await refuses(fetchBytes(`http://a.example:${server.port}/`, never), 'url', /^The target of the redirect must/)
  target = `http://inside.example:${server.port}/`
  await refuses(fetchBytes(`http://a.example:${server.port}/`, never), 'blocked')
  assert.deepEqual(new Set(server.reachedAt), new Set([OUTSIDE]))
  await server.allClosed()
})

test('three redirects are followed, a fourth is not', async () => {
  await using server = await startServer((request, response) => {
    const left = Number(request.url?.slice(1))
    if (left === 0) response.end('there')
    else response.writeHead(307, { location: `/${left - 1}` }).end()
  })
  const { fetchBytes } = fetcher()
  const fetched = await fetchBytes(`http://${OUTSIDE}:${server.port}/3`, never)
  assert.equal(Buffer.from(fetched.bytes).toString(), 'there')
  await refuses(fetchBytes(`http://${OUTSIDE}:${server.port}/4`, never), 'redirects')
})

test('a redirect down to http: is refused where http: is', async () => {
  await using server = await startServer((_request, response) =>
    response.writeHead(301, { location: 'ftp://example.com/' }).end(),
  )
  await refuses(fetcher().fetchBytes(`http://${OUTSIDE}:${server.port}/`, never), 'url', /HTTP or HTTPS/)
})

test('a status other than 200 is named', async () => {
  for (const status of [204, 206, 304, 404, 500]) {
    await using server = await startServer((_request, response) => response.writeHead(status).end())
    await refuses(fetcher().fetchBytes(`http://${OUTSIDE}:${server.port}/`, never), 'status', new RegExp(`${status}`))
  }
})

test('a file over the limit is cut off, whether its length was told or not', async () => {
  let written = 0
  await using told = await startServer(sends(new Uint8Array(1001)))
  await using untold = await startServer((_request, response) => {
    const write = (): void => {
      if (response.destroyed) return
      written += 500
      response.write(new Uint8Array(500), () => setImmediate(write))
    }
    write()
  })
  for (const { port } of [told, untold]) {
    await refuses(fetcher().fetchBytes(`http://${OUTSIDE}:${port}/`, never), 'too-large', /more than 1000 bytes/)
  }
  await untold.allClosed()
  assert.ok(written < 10_000_000)
})

test('a compressed answer is refused, so that it cannot unfold', async () => {
  await using server = await startServer(sends(gzipSync(new Uint8Array(100_000)), { 'content-encoding': 'gzip' }))
  await refuses(fetcher().fetchBytes(`http://${OUTSIDE}:${server.port}/`, never), 'encoding')
})

test('a server that drips a byte at a time meets the deadline of the whole', async () => {
  await using server = await startServer((_request, response) => {
    const timer = setInterval(() => response.write('x'), 20)
    response.on('close', () => clearInterval(timer))
  })
  const work = fetcher({ timeoutMs: 300 }).fetchBytes(`http://${OUTSIDE}:${server.port}/`, never)
  await refuses(work, 'timeout', /within 0\.3 seconds/)
  await server.allClosed()
})

test('the deadline also ends a look-up that never answers and a handshake that never comes', async () => {
  await using server = await startServer(() => {})
  await refuses(fetcher({ timeoutMs: 100, resolve: () => {} }).fetchBytes('http://a.example/', never), 'timeout')
  await refuses(fetcher({ timeoutMs: 300 }).fetchBytes(`http://${OUTSIDE}:${server.port}/`, never), 'timeout')
  await server.allClosed()
})

test('an abort ends the fetch with its own reason and closes the socket', async () => {
  const leaving = new AbortController()
  await using server = await startServer((_request, response) => {
    response.write('half')
    setImmediate(() => leaving.abort(new Error('left')))
  })
  await assert.rejects(fetcher().fetchBytes(`http://${OUTSIDE}:${server.port}/`, leaving.signal), { message: 'left' })
  await server.allClosed()
  await assert.rejects(fetcher().fetchBytes(`http://${OUTSIDE}:${server.port}/`, leaving.signal), { message: 'left' })
  assert.equal(server.requests.length, 1)
})

test('a connection that breaks off is not a whole file', async () => {
  await using server = await startServer((_request, response) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('half', () => response.destroy())
  })
  await refuses(fetcher().fetchBytes(`http://${OUTSIDE}:${server.port}/`, never), 'unreachable')
})
