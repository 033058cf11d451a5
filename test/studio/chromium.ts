// Debian's Chromium under Playwright, watched: a page that logs an error, or asks anybody but our server for anything, fails its test.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { packageRoot } from '../../src/config.ts'
import { findProgram } from '../harness/programs.ts'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']
/** What the tests have seen, to be looked at by people. */
const SCREENSHOTS = path.join(packageRoot, 'build/studio-screenshots')

export const SIZES = { desktop: { width: 1360, height: 900 }, phone: { width: 390, height: 844 } } as const
export type Size = keyof typeof SIZES
/** A name that leads to this machine, but is not one of its own: a page there is as one of another machine. */
export const ELSEWHERE = 'tts.example'

const executable = NAMES.map(findProgram).find((found) => found !== undefined)

/** For the `skip` of a test. */
export const skipWithoutChromium = executable === undefined && 'chromium is not installed (Debian package chromium)'

export async function startChromium(): Promise<Browser> {
  assert.ok(executable)
  return chromium.launch({
    executablePath: executable,
    env: { ...process.env, PULSE_RUNTIME_PATH: '/dev/null/pulse' }, // or it leaves a pulse-… folder behind; there is nothing to hear here
    args: [
      '--no-sandbox', // as root, in a container
      '--disable-dev-shm-usage',
      '--autoplay-policy=no-user-gesture-required',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      `--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`,
    ],
  })
}

export interface WatchedPage extends AsyncDisposable {
  readonly page: Page
  readonly context: BrowserContext
  /** Fails if the page has logged an error that is not `expected`, or has asked another server for anything. */
  assertClean(expected?: RegExp): void
  /** Into build/studio-screenshots/. */
  photograph(name: string, fullPage?: boolean): Promise<void>
}

interface PageOptions {
  readonly size?: Size
  readonly theme?: 'light' | 'dark'
}

export async function openPage(browser: Browser, url: string, options: PageOptions = {}): Promise<WatchedPage> {
  const { size = 'desktop', theme = 'light' } = options
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme: theme,
    hasTouch: size === 'phone',
    locale: 'en-US',
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  const page = await context.newPage()
  page.setDefaultTimeout(120_000) // a loaded machine starts an engine in a minute
  const errors: string[] = []
  const strangers: string[] = []
  const { origin } = new URL(url)
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('request', (request) => {
    const asked = request.url()
    if (!asked.startsWith(`${origin}/`) && !asked.startsWith(`blob:${origin}/`)) strangers.push(asked)
  })
  await page.goto(url)
  return {
    page,
    context,
    assertClean: (expected) => {
      assert.deepEqual(
        errors.filter((text) => !expected?.test(text)),
        [],
      )
      assert.deepEqual(strangers, [])
    },
    photograph: async (name, fullPage = false) => {
      mkdirSync(SCREENSHOTS, { recursive: true })
      if (fullPage) await page.evaluate('scrollTo(0, 0)')
      await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage, animations: 'disabled' })
    },
    [Symbol.asyncDispose]: () => context.close(),
  }
}

/** For what no locator can wait for: the pages' policy lets nothing be evaluated again and again in them. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 150; tries++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail(`never: ${what}`)
}
