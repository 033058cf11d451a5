// Who comes from another machine, whose key is wrong, and what is seen while the server is away.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { ELSEWHERE, openPage, skipWithoutChromium, startChromium } from './chromium.ts'
import { ADMIN_TOKEN, type ServedStudio, serveStudio } from './served-studio.ts'

const skip = skipWithoutChromium
let server: ServedStudio | undefined
let browser: Browser | undefined
after(async () => {
  await browser?.close()
  await server?.[Symbol.asyncDispose]()
})
if (!skip) [server, browser] = await Promise.all([serveStudio(), startChromium()])

test('from another machine a key opens the door, and a wrong one does not', { skip }, async () => {
  assert.ok(server && browser)
  await using watched = await openPage(browser, server.url.replace('localhost', ELSEWHERE))
  const { page, photograph } = watched
  const field = page.getByLabel('API key')
  await field.fill('cb_00000000000000000000000000000000')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').filter({ hasText: /key/i }).waitFor()
  await photograph('desktop-10-wrong-key')
  await field.fill(server.key)
  await field.press('Enter')
  await page.getByRole('textbox', { name: 'Text' }).fill('Hello from far away.')
  await page.keyboard.press('Control+Enter')
  await page.getByRole('article', { name: /^Take with seed/ }).waitFor()
  await page.getByRole('button', { name: 'Record' }).click()
  await page.getByText('Browsers allow the microphone on localhost and on https pages only.').waitFor()
  await page.getByRole('button', { name: 'Code' }).click()
  await page.getByRole('button', { name: 'Copy code' }).click()
  await page.getByText('The code is copied.').waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await field.waitFor()
  await page.reload()
  await field.waitFor()
  watched.assertClean(/401 \(Unauthorized\)|Cross-Origin-Opener-Policy header has been ignored/)
})

test('the operator enters with the token alone, makes a key, grants credits and sees the requests', {
  skip,
}, async () => {
  assert.ok(server && browser)
  await using watched = await openPage(browser, `${server.url}/#/operate`)
  const { page, photograph } = watched
  const field = page.getByLabel("Operator's token")
  await field.fill('a wrong one')
  await field.press('Enter')
  await page.getByRole('alert').filter({ hasText: 'ADMIN_TOKEN' }).waitFor()
  await field.fill(ADMIN_TOKEN)
  await field.press('Enter')
  await page.getByRole('heading', { name: 'Accounts and credits' }).waitFor()
  const before = await server.credits()
  await page
    .getByRole('button', { name: /^Grant \$10/ })
    .first()
    .click()
  await page.getByText(/^\$10 granted/).waitFor()
  assert.equal(Math.round((await server.credits()) - before), 10)
  await page.getByLabel('What it is for').fill('a phone')
  await page.getByRole('button', { name: 'Make the key' }).click()
  const key = await page.locator('.secret').textContent()
  const answer = await fetch(`${server.url}/v1/get-user-credits`, { headers: { 'x-api-key': key ?? '' } })
  assert.equal(answer.status, 200)
  await photograph('desktop-11-operate', true)
  await page.getByRole('button', { name: /^Revoke a phone/ }).click()
  await page.getByRole('button', { name: /^Really revoke a phone/ }).click()
  await page.getByText('a phone is revoked.').waitFor()
  const refused = await fetch(`${server.url}/v1/get-user-credits`, { headers: { 'x-api-key': key ?? '' } })
  assert.equal(refused.status, 401)
  watched.assertClean(/403 \(Forbidden\)/)
})

test('while the server is away the studio says so; when it is back everything goes on', { skip }, async () => {
  assert.ok(server && browser)
  await using watched = await openPage(browser, `${server.url}/`)
  const { page, photograph } = watched
  await page.getByRole('textbox', { name: 'Text' }).fill('Are you there?')
  await server.stop()
  await page.getByRole('button', { name: 'Speak' }).click()
  await page.getByText('The server does not answer.', { exact: true }).waitFor()
  await photograph('desktop-12-server-away')
  await server.start()
  await page.getByText('The server does not answer.', { exact: true }).waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Speak' }).click()
  await page.getByRole('article', { name: /^Take with seed/ }).waitFor()
  watched.assertClean(/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|50[0-9]/)
})
