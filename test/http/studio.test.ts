// The studio's files and its sign-in: whole, from here alone, and a key for nobody but a page of ours on this machine.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openScratchApp } from './scratch-app.ts'

const scratch = await openScratchApp()
const { app } = scratch
const get = (url: string, headers: Record<string, string> = {}) => app.inject({ url, headers })

const HERE = { host: 'localhost:8080' }
const signIn = (headers: Record<string, string>, remoteAddress = '127.0.0.1') =>
  app.inject({ method: 'POST', url: '/v1/studio/sign-in', headers, remoteAddress })

test('the studio loads scripts and styles of this server alone', async () => {
  const { statusCode, headers, body } = await get('/')
  assert.equal(statusCode, 200)
  assert.match(String(headers['content-security-policy']), /default-src 'none'; script-src 'self';/)
  assert.doesNotMatch(String(headers['content-security-policy']), /https?:|unsafe-eval|script-src[^;]*unsafe/)
  const parts = [...body.matchAll(/\s(?:src|href)="\.\/([^"]+)"/g)].map(([, part]) => part)
  assert.ok(parts.length >= 3, body)
  for (const part of parts) assert.equal((await get(`/${part}`)).statusCode, 200, part)
  assert.doesNotMatch(body, /(src|href)="(https?:)?\/\//)
})

test('a part whose name has its hash is kept for ever, the page itself is asked for again', async () => {
  const page = await get('/')
  assert.equal(page.headers['cache-control'], 'no-cache')
  const script = /src="\.\/(studio\/index-[^"]+\.js)"/.exec(page.body)?.[1]
  assert.match(String((await get(`/${script}`)).headers['cache-control']), /immutable/)
})

test('no name leads out of the studio', async () => {
  for (const name of ['..%2f..%2fpackage.json', '.env', 'package.json', '%2e%2e%2findex.html', '__proto__']) {
    const { statusCode } = await get(`/studio/${name}`)
    assert.equal(statusCode, 404, name)
  }
})

test('the facts name the model, the price, the limit and the tags', async () => {
  const facts = (await get('/v1/studio', HERE)).json()
  assert.equal(facts.model, 'preview')
  assert.equal(facts.text_limit_characters, 100_000)
  assert.ok(facts.tags.sound.includes('laugh') && facts.tags.delivery.includes('whispering'))
  assert.equal(facts.sign_in, 'automatic')
  assert.equal(facts.operator, false)
  assert.equal((await get('/v1/studio', { host: 'tts.example' })).json().sign_in, 'key')
})

test('a page of ours on this machine gets a key that works', async () => {
  for (const headers of [
    HERE,
    { host: '127.0.0.1:8080', origin: 'http://127.0.0.1:8080', 'sec-fetch-site': 'same-origin' },
    { host: '[::1]:8080' },
  ]) {
    const answer = await signIn(headers)
    assert.equal(answer.statusCode, 200, JSON.stringify(headers))
    const credits = await get('/v1/get-user-credits', { 'x-api-key': answer.json().key })
    assert.equal(credits.statusCode, 200)
  }
})

test('nobody else gets a key', async () => {
  const cases: [string, Record<string, string>, string?][] = [
    ['another machine', HERE, '192.168.1.7'],
    ['through a proxy on this machine', { ...HERE, 'x-forwarded-for': '203.0.113.9' }],
    ['a name that was made to point here', { host: 'evil.example:8080' }],
    ['a name that begins like ours', { host: 'localhost.evil.example' }],
    ["another site's page", { ...HERE, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['a page of another port', { ...HERE, origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }],
  ]
  for (const [who, headers, address] of cases) {
    const answer = await signIn(headers, address)
    assert.deepEqual([answer.statusCode, answer.json().code], [403, 'forbidden'], who)
  }
})
