// What is heard and seen while a request is spoken, and what happens when the connection is cut in the middle of it.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import { after, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { listenLocally } from '../harness/local-server.ts'
import { openPage, skipWithoutChromium, startChromium, until } from './chromium.ts'
import { type ServedStudio, serveStudio } from './served-studio.ts'

const skip = skipWithoutChromium
const LONG = 'A longer text that takes the engine a while to speak, sentence after sentence. '.repeat(40).trim()
let server: ServedStudio | undefined
let browser: Browser | undefined
after(async () => {
  await browser?.close()
  await server?.[Symbol.asyncDispose]()
})
if (!skip) [server, browser] = await Promise.all([serveStudio(), startChromium()])

/** How far to the right the waveform reaches, from 0 to 1. */
const DRAWN = `(() => {
  const canvas = document.querySelector('canvas.live-wave')
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  let right = 0
  for (let i = 3; i < data.length; i += 4) if (data[i] > 0) right = Math.max(right, ((i - 3) / 4) % canvas.width)
  return right / canvas.width
})()`

const speak = async (page: Page, text: string) => {
  await page.getByRole('textbox', { name: 'Text' }).fill(text)
  await page.getByRole('button', { name: 'Speak' }).click()
}
const running = (page: Page) => page.getByRole('article', { name: 'Being spoken' })

/** A proxy that breaks off the first answers with audio after so many bytes. */
async function startCuttingProxy(target: string, cuts: number, afterBytes: number) {
  let left = cuts
  const proxy = http.createServer((request, response) => {
    const isAudio = /\/audio\?/.test(request.url ?? '')
    const isCut = isAudio && left-- > 0
    const onward = http.request(new URL(request.url ?? '/', target), {
      method: request.method,
      headers: request.headers,
    })
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      let sent = 0
      answer.on('data', (chunk: Buffer) => {
        sent += chunk.length
        response.write(chunk)
        if (isCut && sent > afterBytes) response.destroy()
      })
      answer.on('end', () => response.end())
      answer.on('error', () => response.destroy())
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  })
  const local = await listenLocally(proxy)
  return { url: `http://localhost:${local.port}`, [Symbol.asyncDispose]: local[Symbol.asyncDispose] }
}

test('the waveform grows while it is spoken, sound comes with it, can be muted and heard again, and the take goes on', {
  skip,
}, async () => {
  assert.ok(server && browser)
  await using watched = await openPage(browser, `${server.url}/`)
  const { page, photograph } = watched
  await speak(page, LONG)
  await running(page)
    .getByText(/first sound after \d/)
    .waitFor()
  await running(page)
    .getByText(/[1-9]\d* s of speech/)
    .waitFor()
  const early = await page.evaluate<number>(DRAWN)
  assert.ok(early > 0)
  await running(page).getByRole('button', { name: 'Mute' }).click()
  await until('it has grown', async () => (await page.evaluate<number>(DRAWN)) > early)
  await photograph('desktop-13-live')
  await running(page).getByRole('button', { name: 'Listen' }).click()
  await running(page).getByRole('button', { name: 'Mute' }).waitFor()
  const take = page.getByRole('article', { name: /^Take with seed/ })
  await take.getByRole('button', { name: /^Pause the take/ }).waitFor()
  await take.getByText(/^first sound after/).waitFor()
  const facts = await take.innerText()
  const [first, total] = [/first sound after ([\d.]+)/, /made in ([\d.]+)/].map((fact) => Number(fact.exec(facts)?.[1]))
  assert.ok(first !== undefined && total !== undefined)
  assert.ok(first < total, `first sound after ${first} s of ${total} s`)
  watched.assertClean(/getImageData/) // it is this test that reads the canvas
})

test('a live sound that is cut is shown as broken with what is charged, can be tried again, and the take is whole', {
  skip,
}, async () => {
  assert.ok(server && browser)
  await using proxy = await startCuttingProxy(server.url, 1, 400_000)
  await using watched = await openPage(browser, `${proxy.url}/`)
  const { page, photograph } = watched
  const before = await server.credits()
  await speak(page, LONG)
  await page.getByText(/The sound broke off after \d+\.\d s\./).waitFor()
  await page.getByText(/nothing is charged before the take is whole/).waitFor()
  await photograph('desktop-14-broken')
  assert.equal(await server.credits(), before, 'nothing is charged yet')
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByText(/The sound broke off/).waitFor({ state: 'detached' })
  const take = page.getByRole('article', { name: /^Take with seed/ })
  await take.waitFor()
  await take.getByText(/\d{3}\.\d s, made in/).waitFor()
  assert.ok((await server.credits()) < before)
  watched.assertClean(/ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONTENT_LENGTH_MISMATCH|ERR_EMPTY_RESPONSE/)
})

test('a take of several pieces: one is heard, one is spoken again for its own price, the subtitles are taken home', {
  skip,
}, async () => {
  assert.ok(server && browser)
  await using watched = await openPage(browser, `${server.url}/`)
  const { page, photograph } = watched
  await page.getByRole('checkbox', { name: 'Play live' }).uncheck()
  await speak(
    page,
    'This is a sentence of some length, so that a few of them do not fit into one piece of a text. '.repeat(8),
  )
  const takes = page.getByRole('article', { name: /^Take with seed/ })
  await takes.first().waitFor()
  await takes.first().getByRole('button', { name: 'Pieces' }).click()
  await page.getByRole('heading', { name: /^[3-9] pieces$/ }).waitFor()
  await page.getByRole('button', { name: 'Play piece 2' }).click()
  await page.getByRole('button', { name: 'Pause piece 2' }).waitFor()
  await photograph('desktop-16-pieces', true)
  const downloading = page.waitForEvent('download')
  await page.getByRole('button', { name: 'SRT' }).click()
  assert.match(await readFile(await (await downloading).path(), 'utf8'), /^1\r?\n00:00:00,000 --> /)
  const before = await server.credits()
  await page.getByRole('button', { name: /^Another reading, .* of piece 2$/ }).click()
  await takes.nth(1).waitFor()
  await takes.first().getByText('piece 2 spoken again').waitFor()
  const charged = before - (await server.credits())
  const [whole] = /(?<=for \$)[\d.]+/.exec(await takes.nth(1).innerText()) ?? []
  assert.ok(charged > 0 && charged < Number(whole) / 2, `$${charged} of $${whole}`)
  watched.assertClean()
})
