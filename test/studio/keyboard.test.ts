// The newcomer's journey without a mouse: everything is reached with Tab and done with keys.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openPage, skipWithoutChromium, startChromium, until } from './chromium.ts'
import { type ServedStudio, serveStudio } from './served-studio.ts'

const skip = skipWithoutChromium
let server: ServedStudio | undefined
let browser: Browser | undefined
after(async () => {
  await browser?.close()
  await server?.[Symbol.asyncDispose]()
})
if (!skip) [server, browser] = await Promise.all([serveStudio(), startChromium()])

const focused = (page: Page): Promise<string> =>
  page.evaluate<string>(
    "(({ activeElement: at }) => at.getAttribute('aria-label') ?? at.labels?.[0]?.innerText ?? at.innerText ?? '')(document)",
  )

/** Goes on with Tab until what is named is reached, or back with Shift+Tab. */
async function reach(page: Page, name: RegExp, key = 'Tab'): Promise<void> {
  const passed: string[] = []
  for (let tries = 0; tries < 120; tries++) {
    await page.keyboard.press(key)
    const at = (await focused(page)).trim()
    if (name.test(at)) return
    passed.push(at)
  }
  assert.fail(`no ${name} among ${passed.join(' · ')}`)
}

test('a newcomer without a mouse: speak, hear, seek, keep, download, find', { skip }, async () => {
  assert.ok(server && browser)
  await using watched = await openPage(browser, `${server.url}/`)
  const { page } = watched
  await page.getByRole('button', { name: 'Try an example' }).waitFor()
  await page.keyboard.press('Tab')
  assert.equal(await focused(page), 'Skip to the content')
  await page.keyboard.press('Enter')
  await reach(page, /^Try an example$/)
  await page.keyboard.press('Enter')
  assert.equal(await focused(page), 'Text', 'where one reads it and goes on')
  await page.keyboard.press('Control+End')
  await page.keyboard.type(' And again.')
  await reach(page, /^\[laugh\]$/)
  await page.keyboard.press('Enter')
  assert.match(await page.getByRole('textbox', { name: 'Text' }).inputValue(), /And again\. \[laugh\]/)
  assert.equal(await focused(page), 'Text', 'where one goes on writing')
  await reach(page, /^Seed$/)
  await page.keyboard.type('7')
  await reach(page, /^Speak/)
  await page.keyboard.press('Enter')
  await page.getByRole('article', { name: 'Take with seed 7', exact: true }).waitFor()

  await reach(page, /^Pause the take/)
  await page.keyboard.press('Enter')
  await reach(page, /^Place in the take/)
  const place = page.getByRole('slider', { name: /^Place in the take/ })
  const seconds = async () => Number(await place.getAttribute('aria-valuenow'))
  // Ten times: a second key while the place of the first was still being looked for used to be lost.
  for (let round = 0; round < 10; round++) {
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    await until('it is at 2 s', async () => (await seconds()) === 2)
    await page.keyboard.press('End')
    await page.keyboard.press('ArrowLeft')
    const length = Number(await place.getAttribute('aria-valuemax'))
    await until('it is a second before the end', async () => (await seconds()) === length - 1)
  }

  await reach(page, /^Download$/)
  await page.keyboard.press('Enter')
  await reach(page, /^Keep$/)
  await page.keyboard.press('Space')
  await reach(page, /^Download as\s+MP3/)
  const downloading = page.waitForEvent('download')
  await page.keyboard.press('Enter')
  assert.equal((await downloading).suggestedFilename(), 'well-would-you-listen-to-that-my-own-7.mp3')
  await reach(page, /^History$/, 'Shift+Tab')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'History' }).waitFor()
  await reach(page, /^Search takes$/)
  await page.keyboard.type('and again')
  await page.getByRole('button', { name: 'Kept', exact: true }).waitFor()
  watched.assertClean()
})
