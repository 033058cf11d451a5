// Pages and the OpenAPI document: whole, harmless, about this very server, and with commands that work.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import type { RouteContract } from '../../src/contract/route.ts'
import { ROUTES } from '../../src/contract/routes.ts'
import { ERROR_CODES } from '../../src/errors.ts'
import { addDeadJob, makeAccount } from '../harness/accounts.ts'
import { speechLike } from '../harness/signals.ts'
import { asyncCalls } from './async-calls.ts'
import { buildScratchApp, openScratchApp, VALID } from './scratch-app.ts'
import { piecesText } from './streaming.ts'

const scratch = await openScratchApp({ PUBLIC_URL: '', ADMIN_TOKEN: 'let-me-in' })
const { app } = scratch
const get = (url: string, headers: Record<string, string> = {}) => app.inject({ url, headers })

test('/docs needs nothing from elsewhere, and says so to the browser', async () => {
  const { statusCode, headers, body } = await get('/docs')
  assert.deepEqual([statusCode, headers['content-type']], [200, 'text/html; charset=utf-8'])
  assert.match(
    String(headers['content-security-policy']),
    /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+';/,
  )
  assert.doesNotMatch(String(headers['content-security-policy']), /unsafe|https?:/)
  // Everything that a page can load: none of it from another place than the page itself.
  for (const [, target = ''] of body.matchAll(/\s(?:src|href)="([^"]*)"/g)) assert.match(target, /^(#|\/|data:)/)
  assert.doesNotMatch(body, /@import|url\(|\son[a-z]+=|style="/)
})

test('/docs announces the preview', async () => {
  assert.match((await get('/docs')).body, /<strong>Preview voice\.<\/strong>/)
})

test('the page describes every documented route and every error', async () => {
  const { body } = await get('/docs')
  for (const [name, route] of Object.entries<RouteContract>(ROUTES)) {
    assert.equal(body.includes(`<section id="${name}">`), !route.undocumented && route.access !== 'admin', name)
  }
  for (const code of ERROR_CODES) assert.ok(body.includes(`<div id="${code}">`), code)
  for (const [, anchor] of body.matchAll(/href="#([^"]+)"/g)) assert.ok(body.includes(`id="${anchor}"`), anchor)
})

test('addresses are the reader’s own', async () => {
  const host = { host: 'voice.local:8080' }
  assert.match((await get('/docs', host)).body, /BASE=http:\/\/voice\.local:8080\n/)
  assert.equal((await get('/openapi.json', host)).json().servers[0].url, 'http://voice.local:8080')
  const made = await scratch.speak(VALID, { accept: 'application/json', ...host })
  assert.match(made.json().output, /^http:\/\/voice\.local:8080\/outputs\//)
})

test('forwarded addresses count only behind a proxy that is trusted, and PUBLIC_URL counts before all', async () => {
  const headers = { host: 'inside:1', 'x-forwarded-host': 'outside.example', 'x-forwarded-proto': 'https' }
  const urlOf = async (settings: Parameters<typeof buildScratchApp>[1]) =>
    (await (await buildScratchApp(scratch.db, settings)).app.inject({ url: '/openapi.json', headers })).json()
      .servers[0].url
  assert.equal(await urlOf({ PUBLIC_URL: '' }), 'http://inside:1')
  assert.equal(await urlOf({ PUBLIC_URL: '', TRUST_PROXY: 'true' }), 'https://outside.example')
  assert.equal(
    await urlOf({ PUBLIC_URL: 'https://tts.example/base/', TRUST_PROXY: 'true' }),
    'https://tts.example/base',
  )
})

test('a host that is none goes into no page and no answer', async () => {
  for (const host of ['"><script>alert(1)</script>', 'a b', 'evil.example/path?', "x';y", '']) {
    const { body } = await get('/docs', { host })
    assert.match(body, /BASE=http:\/\/localhost(:80)?\n/, host)
    assert.doesNotMatch(body, /alert\(1\)/)
  }
  assert.match((await get('/docs', { host: '[::1]:8080' })).body, /BASE=http:\/\/\[::1\]:8080\n/)
})

test('every command of the documentation works as it stands', async (t) => {
  const run = promisify(execFile)
  if (!(await run('curl', ['--version']).catch(() => undefined))) return t.skip('curl is not installed here')
  const folder = await mkdtemp(path.join(os.tmpdir(), 'test-docs-'))
  await writeFile(path.join(folder, 'voice.wav'), await encodeAudio(speechLike(6, 24_000), 24_000, 'wav'))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const BASE = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const made = await scratch.speak(VALID, { accept: 'application/json', host: new URL(BASE).host })
  const { submitOk, reaches } = asyncCalls(scratch)
  const long = await submitOk({ ...VALID, text: piecesText(4) })
  await reaches(long.request_id, 'COMPLETED')
  const customer = await makeAccount(scratch.db)
  const environment: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    BASE,
    KEY: scratch.account.key,
    REQUEST_ID: made.json().request_id,
    OUTPUT: made.json().output,
    ADMIN_TOKEN: 'let-me-in',
    ACCOUNT: customer.accountId,
    KEY_ID: customer.apiKeyId,
  }
  for (const [name, route] of Object.entries<RouteContract>(ROUTES)) {
    if (route.undocumented) continue
    assert.ok(route.curl, `${name} has a command`)
    if (name === 'listPieces') environment.REQUEST_ID = long.request_id
    if (name === 'adminRequeueJob') environment.REQUEST_ID = await addDeadJob(scratch.db, customer)
    const command = `${route.curl} --fail --silent --show-error`
    const { stdout } = await run('sh', ['-c', command], { cwd: folder, env: environment, encoding: 'utf8' })
    if (name === 'listPieces')
      environment.PIECE = JSON.parse(stdout).pieces[0].audio_url.replace(/^https?:\/\/[^/]+/, BASE)
    if (name === 'upload') environment.UPLOAD = JSON.parse(stdout).file_urls[0]
    if (name === 'createVoice') environment.VOICE_ID = JSON.parse(stdout).id
    if (name === 'createWebhook') environment.WEBHOOK_ID = JSON.parse(stdout).id
    if (name === 'testWebhook') environment.DELIVERY_ID = JSON.parse(stdout).id
    if (name === 'speak')
      assert.equal((await readFile(path.join(folder, 'speech.wav'))).toString('latin1', 0, 4), 'RIFF')
    else if (route.curl.includes(' -o ')) assert.equal(stdout, '')
    else assert.notEqual(stdout, '', name)
  }
  await rm(folder, { recursive: true })
})
