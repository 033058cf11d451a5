// Every view in both themes by axe-core, with its rules as they are.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, test } from 'node:test'
import type { AxeResults } from 'axe-core'
import type { Browser } from 'playwright-core'
import {
  ELSEWHERE,
  openPage,
  SIZES,
  type Size,
  skipWithoutChromium,
  startChromium,
  type WatchedPage,
} from './chromium.ts'
import { ADMIN_TOKEN, type ServedStudio, serveStudio } from './served-studio.ts'

const skip = skipWithoutChromium
const THEMES = ['light', 'dark'] as const
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
let server: ServedStudio | undefined
let browser: Browser | undefined
after(async () => {
  await browser?.close()
  await server?.[Symbol.asyncDispose]()
})
if (!skip) [server, browser] = await Promise.all([serveStudio(), startChromium()])

/** In one theme after the other, where the page is; photographed under a name if it has one. */
async function assertAccessible({ page, photograph }: WatchedPage, what: string, photo?: string): Promise<void> {
  await page.evaluate(AXE)
  for (const theme of THEMES) {
    await page.emulateMedia({ colorScheme: theme })
    await page.locator(`html[data-theme=${theme}]`).waitFor({ state: 'attached' })
    await page.evaluate(
      'Promise.all(document.getAnimations().map((animation) => animation.effect.getTiming().iterations === Infinity || animation.finished))',
    )
    const { violations } = await page.evaluate<AxeResults>('axe.run()')
    const grave = violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`).join('\n')}`,
      )
    assert.deepEqual(grave, [], `${what} in the ${theme}`)
    if (photo) await photograph(photo.replace('THEME', theme), true)
  }
}

for (const [index, size] of (Object.keys(SIZES) as Size[]).entries()) {
  test(`axe finds nothing grave on a ${size}, light or dark`, { skip }, async () => {
    const theme = THEMES[index % 2] // in which it is opened: each once
    assert.ok(server && browser)
    {
      await using door = await openPage(browser, server.url.replace('localhost', ELSEWHERE), { theme, size })
      await door.page.getByRole('button', { name: 'Sign in' }).waitFor()
      await assertAccessible(door, 'door', `${size}-THEME-door`)
    }
    await using watched = await openPage(browser, `${server.url}/`, { theme, size })
    const { page } = watched
    await page.getByRole('button', { name: 'Try an example' }).waitFor()
    await assertAccessible(watched, 'empty')
    await page.getByRole('button', { name: 'Try an example' }).click()
    for (const count of [1, 2]) {
      await page.getByRole('button', { name: 'Speak' }).click()
      await page
        .getByRole('article', { name: /^Take/ })
        .nth(count - 1)
        .waitFor()
    }
    for (const index of [0, 1]) {
      await page.getByRole('article', { name: /^Take/ }).nth(index).getByRole('button', { name: 'Compare' }).click()
    }
    await page.getByRole('button', { name: 'Download' }).first().click()
    await assertAccessible(watched, 'formats')
    await page.getByRole('button', { name: 'Code' }).first().click()
    await page.getByRole('button', { name: 'Pieces' }).last().click()
    await page.getByRole('button', { name: 'Play piece 1' }).waitFor()
    await page.getByRole('button', { name: 'Bruno' }).click()
    await page.getByRole('button', { name: 'Hear Bruno' }).click()
    await page.getByRole('button', { name: 'Pause the voice Bruno' }).waitFor()
    await page.getByText('Delivery', { exact: true }).click()
    await page.getByText('moods…').click()
    await assertAccessible(watched, 'all open', `${size}-THEME-speak`)
    for (const view of ['Voices', 'History', 'Usage', 'Operate']) {
      await page.getByRole('link', { name: view, exact: true }).click()
      if (view === 'Operate') {
        await assertAccessible(watched, "operator's door")
        await page.getByLabel("Operator's token").fill(ADMIN_TOKEN)
        await page.keyboard.press('Enter')
      }
      if (view === 'Voices') await page.getByRole('heading', { name: 'Came with the server' }).waitFor()
      await page
        .getByRole('heading', { name: view === 'Operate' ? 'Accounts and credits' : view, exact: true })
        .waitFor()
      if (view === 'Usage') await page.getByRole('heading', { name: 'By model' }).waitFor()
      await assertAccessible(watched, view, `${size}-THEME-${view.toLowerCase()}`)
    }
    watched.assertClean()
  })
}
