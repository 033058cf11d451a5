// A newcomer's way through the studio, in a real browser against a really started server, at a desk and on a phone.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { packageRoot } from '../../src/config.ts'
import { findProgram } from '../harness/programs.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import { openPage, SIZES, type Size, skipWithoutChromium, startChromium, until } from './chromium.ts'
import { type ServedStudio, serveStudio } from './served-studio.ts'

const RECORDING = path.join(packageRoot, 'assets/reference.wav')
const skip = skipWithoutChromium

let server: ServedStudio | undefined
let browser: Browser | undefined
const folder = await makeTemporaryFolder()
after(async () => {
  await browser?.close()
  await server?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})
if (!skip) [server, browser] = await Promise.all([serveStudio(), startChromium()])

const open = (options: { size?: Size; theme?: 'light' | 'dark' } = {}) => {
  assert.ok(server && browser)
  return openPage(browser, `${server.url}/`, options)
}
const textField = (page: Page) => page.getByRole('textbox', { name: 'Text' })
const speakButton = (page: Page) => page.getByRole('button', { name: 'Speak' })
const takes = (page: Page) => page.getByRole('article', { name: /^Take with seed/ })
const waitForTakes = (page: Page, count: number) =>
  takes(page)
    .nth(count - 1)
    .waitFor()
const secondsOf = async (page: Page, name: string): Promise<number> =>
  Number(await page.getByRole('slider', { name }).getAttribute('aria-valuenow'))

/** What a phone's owner would have to push sideways. */
async function assertNothingSticksOut(page: Page): Promise<void> {
  const [content, window] = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]')
  assert.ok((content ?? 0) <= (window ?? 0), `${content} px wide in a window of ${window} px`)
}

for (const size of Object.keys(SIZES) as Size[]) {
  test(`a newcomer on a ${size}: open, try the example, speak, hear, compare, keep, find, reload`, {
    skip,
  }, async () => {
    await using watched = await open({ size })
    const { page, photograph } = watched
    await speakButton(page).waitFor()
    assert.ok(await speakButton(page).isDisabled(), 'nothing to speak yet')
    await page.getByText('Preview voice.').waitFor()
    await photograph(`${size}-1-first-sight`)

    await page.getByRole('button', { name: 'Try an example' }).click()
    assert.match(await textField(page).inputValue(), /\[laugh\]/)
    await page.getByText(/about \d+ s of speech for \$0\.00\d\d/).waitFor()
    await speakButton(page).click()
    await waitForTakes(page, 1)
    await photograph(`${size}-2-first-take`, true)

    await page.getByRole('button', { name: /^Pause the take/ }).waitFor() // it has gone on where it was heard live
    await page.getByText(/^first sound after \d+\.\d\d s$/).waitFor()
    await page.getByText(/^real-time factor \d+\.\d\d$/).waitFor()
    const place = page.getByRole('slider', { name: /^Place in the take/ })
    await until('its place moves on', async () => Number(await place.getAttribute('aria-valuenow')) >= 1)

    await page.getByText('Delivery', { exact: true }).click()
    await page.getByRole('slider', { name: /^Temperature/ }).fill('1.2')
    await page.getByText('1 changed').waitFor()
    await page.getByRole('spinbutton', { name: 'Seed' }).fill('7')
    await photograph(`${size}-3-delivery`, true)
    await speakButton(page).click()
    await waitForTakes(page, 2)
    const second = page.getByRole('article', { name: 'Take with seed 7', exact: true })
    await second.getByText('temperature 1.2').waitFor()
    await second.getByText('seed 7', { exact: true }).waitFor()

    for (const index of [0, 1]) await takes(page).nth(index).getByRole('button', { name: 'Compare' }).click()
    await page.getByRole('heading', { name: 'A / B' }).waitFor()
    await page.getByRole('button', { name: 'Play take A' }).click()
    await until('A is a second in', async () => (await secondsOf(page, 'Place in take A')) >= 1)
    await page.keyboard.press('x')
    await page.getByRole('button', { name: 'Pause take B' }).waitFor()
    assert.ok((await secondsOf(page, 'Place in take B')) >= 1, 'B goes on where A was')
    await page.getByRole('button', { name: 'Play take A' }).waitFor()
    await photograph(`${size}-4-compare`, true)

    await second.getByRole('button', { name: 'Keep' }).click()
    await page.getByRole('link', { name: 'History' }).click()
    await page.getByRole('searchbox', { name: 'Search takes' }).fill('listen to that')
    assert.equal(await takes(page).count(), 2)
    await page.getByRole('checkbox', { name: 'Kept only' }).check()
    assert.equal(await takes(page).count(), 1)
    await page.getByRole('searchbox', { name: 'Search takes' }).fill('no such words')
    await page.getByText('No take has that in it.').waitFor()
    await photograph(`${size}-5-history`)

    await page.reload()
    await page.getByRole('link', { name: 'History' }).click()
    await waitForTakes(page, 2)
    await page.getByRole('link', { name: 'Speak' }).click()
    assert.match(await textField(page).inputValue(), /listen to that/)
    assert.equal(await page.getByRole('spinbutton', { name: 'Seed' }).inputValue(), '7')
    for (const view of ['Speak', 'Voices', 'History', 'Usage']) {
      await page.getByRole('link', { name: view, exact: true }).click()
      await assertNothingSticksOut(page)
    }
    await page.getByRole('button', { name: /Requests/ }).waitFor()
    await photograph(`${size}-6-usage`, true)
    watched.assertClean()
  })
}

test('tags go where the cursor is', { skip }, async () => {
  await using watched = await open()
  const { page } = watched
  await textField(page).fill('One two')
  await page.evaluate("document.querySelector('textarea').setSelectionRange(3, 3)")
  await page.getByRole('button', { name: '[laugh]', exact: true }).click()
  assert.equal(await textField(page).inputValue(), 'One [laugh] two')
  await page.keyboard.type('hey ')
  assert.equal(await textField(page).inputValue(), 'One [laugh] hey two')
  await page.getByText('moods…').click()
  await page.getByRole('button', { name: '[whispering]' }).click()
  assert.equal(await textField(page).inputValue(), 'One [laugh] hey [whispering] two')
  await textField(page).fill('[Laughs] One [giggle] two. [ SIGH ]')
  await page.getByText('[giggle] is no tag: it will be read out.').waitFor()
  await page.getByRole('button', { name: 'Make it [laugh]' }).click()
  assert.equal(await textField(page).inputValue(), '[laugh] One [giggle] two. [ SIGH ]')
  await page.getByText('[Laughs] is no tag').waitFor({ state: 'detached' })
  watched.assertClean()
})

test('a dropped recording speaks, is heard, outlives a reload and can be forgotten and had back', {
  skip,
}, async () => {
  await using watched = await open()
  const { page, photograph } = watched
  const choose = async (name: string, buffer: Buffer, mimeType = 'audio/wav') => {
    const chooser = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Choose a file' }).click()
    await (await chooser).setFiles({ name, mimeType, buffer })
  }
  const bytes = await readFile(RECORDING)
  const longName = `${'a voice with quite a long name, '.repeat(4)}take 3.wav`
  await speakButton(page).waitFor()
  await page.evaluate(`
    const bytes = Uint8Array.from(atob('${bytes.toString('base64')}'), (letter) => letter.charCodeAt(0))
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([bytes], ${JSON.stringify(longName)}, { type: 'audio/wav' }))
    for (const kind of ['dragover', 'drop']) {
      const event = new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer })
      document.querySelector('.voice').dispatchEvent(event)
    }`)
  await page.getByText(/s will do/).waitFor()
  await choose('short.wav', bytes.subarray(0, 44 + 48_000 * 2))
  await page.getByText(/is too short/).waitFor()
  await choose('nothing.wav', Buffer.alloc(0))
  await page.getByText('nothing.wav is empty.').waitFor()
  await choose('letter.pdf', Buffer.from('%PDF-1.7'), 'application/pdf')
  await page.getByText('letter.pdf is no recording.').waitFor()
  await page.getByRole('button', { name: /^a voice with/ }).click()
  await textField(page).fill('This is my own voice, or very nearly. '.repeat(3))
  await speakButton(page).click()
  await waitForTakes(page, 1)
  await takes(page).getByText(longName).waitFor()
  await photograph('desktop-7-own-voice', true)
  await page.setViewportSize(SIZES.phone)
  await assertNothingSticksOut(page)
  await photograph('phone-7-own-voice', true)
  await page.setViewportSize(SIZES.desktop)

  await page.reload()
  const mine = page.getByRole('button', { name: /^a voice with/ })
  await mine.waitFor()
  assert.equal(await mine.getAttribute('aria-pressed'), 'true')
  await page.getByRole('button', { name: 'Forget it' }).click()
  assert.equal(await mine.count(), 0)
  await page.getByRole('button', { name: 'Undo' }).click()
  await mine.waitFor()
  watched.assertClean()
})

test('the microphone records', { skip }, async () => {
  await using watched = await open()
  const { page } = watched
  await page.getByRole('button', { name: 'Record' }).click()
  await page.getByRole('button', { name: 'Stop at 1 s' }).click()
  await page.getByRole('button', { name: /^Recording \d\d:\d\d$/ }).waitFor()
  await page.getByText(/is too short/).waitFor()
  watched.assertClean()
})

test('a take is downloaded, deleted and had back; its curl makes the same bytes again', { skip }, async (context) => {
  assert.ok(server)
  await using watched = await open()
  const { page, photograph } = watched
  await textField(page).fill(`It's "quoted", @home; type=odd & 100 %.`)
  await page.getByRole('spinbutton', { name: 'Seed' }).fill('11')
  await speakButton(page).click()
  await waitForTakes(page, 1)
  await page.getByRole('button', { name: 'Download' }).click()
  const credits = await server.credits()
  const save = async (title: string, extension: string): Promise<Buffer> => {
    const downloading = page.waitForEvent('download')
    await page.getByRole('button', { name: `Download as ${title}` }).click()
    const download = await downloading
    assert.equal(download.suggestedFilename(), `its-quoted-home-type-odd-100-11.${extension}`)
    return readFile(await download.path())
  }
  const downloaded = await save('WAV', 'wav')
  assert.equal(downloaded.toString('latin1', 0, 4), 'RIFF')
  assert.equal((await save('MP3', 'mp3')).toString('latin1', 0, 3), 'ID3')
  assert.equal((await save('Ogg Opus', 'ogg')).toString('latin1', 0, 4), 'OggS')
  assert.equal((await save('FLAC', 'flac')).toString('latin1', 0, 4), 'fLaC')
  const samples = await save('PCM', 'pcm')
  assert.deepEqual(samples, downloaded.subarray(downloaded.length - samples.length))
  assert.equal(await server.credits(), credits, 'none of them was charged')

  await page.getByRole('button', { name: 'Code' }).click()
  await page.getByRole('button', { name: 'Copy code' }).click()
  await page.getByText('The code is copied.').waitFor()
  const code = await page.evaluate<string>('navigator.clipboard.readText()')
  await photograph('desktop-8-code', true)
  for (const language of ['TypeScript', 'Python']) {
    await page.getByRole('button', { name: language }).click()
    await page.getByText(language === 'Python' ? 'import requests' : 'new FormData()').waitFor()
  }
  await page.getByRole('button', { name: 'Delete this take' }).click()
  assert.equal(await takes(page).count(), 0)
  await page.getByRole('button', { name: 'Undo' }).click()
  await waitForTakes(page, 1)
  watched.assertClean()

  if (findProgram('curl') === undefined) return context.skip('curl is not installed')
  await writeFile(path.join(folder, 'speak.sh'), code)
  const env = { PATH: process.env.PATH, CHATTERBOX_API_KEY: server.key }
  await promisify(execFile)('sh', ['-e', 'speak.sh'], { cwd: folder, env })
  assert.deepEqual(await readFile(path.join(folder, 'speech.wav')), downloaded)
})

test('the code of a text that is too long to wait for submits it, follows it and makes the same sound', {
  skip: skip || (findProgram('curl') === undefined && 'curl is not installed'),
}, async () => {
  assert.ok(server)
  await using watched = await open()
  const { page } = watched
  await textField(page).fill(`Long,${' '.repeat(10_000)}and soon spoken.`)
  await speakButton(page).click()
  await waitForTakes(page, 1)
  const downloading = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download' }).click()
  await page.getByRole('button', { name: 'Download as WAV' }).click()
  const downloaded = await readFile(await (await downloading).path())
  await page.getByRole('button', { name: 'Code' }).click()
  for (const language of ['Python', 'TypeScript', 'curl']) {
    await page.getByRole('button', { name: language }).click()
    await page.getByText(`${server.url}/v2/chatterbox-turbo-tts`).waitFor()
  }
  const code = await page.locator('.code pre').innerText()
  watched.assertClean()

  await writeFile(path.join(folder, 'long.sh'), code)
  const env = { PATH: process.env.PATH, CHATTERBOX_API_KEY: server.key }
  await promisify(execFile)('sh', ['-e', 'long.sh'], { cwd: folder, env })
  const spoken = await readFile(path.join(folder, 'speech.wav'))
  // What is followed while it is spoken has no sizes in its head.
  assert.deepEqual(spoken.subarray(-20_000), downloaded.subarray(-20_000))
  assert.equal(spoken.length, downloaded.length)
})

test('what is stopped in the middle costs nothing, and a reload in the middle loses nothing', { skip }, async () => {
  assert.ok(server)
  await using watched = await open()
  const { page, photograph } = watched
  const long = 'A longer text that takes the engine a while to speak, sentence after sentence. '.repeat(30).trim()
  const before = await server.credits()
  await textField(page).fill(long)
  await speakButton(page).click()
  await page.getByText(/^Speaking/).waitFor()
  await photograph('desktop-9-speaking')
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('Stopped. Nothing was charged.').waitFor()
  assert.equal(await server.credits(), before)
  assert.equal(await takes(page).count(), 0)

  await speakButton(page).click()
  await page.getByText(/^Speaking/).waitFor()
  await page.reload()
  await page.getByRole('article', { name: 'Being spoken' }).waitFor()
  await page.getByRole('article', { name: 'Take with seed' }).waitFor({ timeout: 120_000 })
  assert.ok((await server.credits()) < before)
  await textField(page).fill('x'.repeat(100_001))
  await page.getByText('Too long by 1.').waitFor()
  assert.ok(await speakButton(page).isDisabled())
  // The browser itself writes down the 422 with which a poll tells that the request was cancelled.
  watched.assertClean(/status of 422/)
})

test('a voice is kept with consent, heard, renamed, used by name in code, and deleted', { skip }, async () => {
  assert.ok(server)
  await using watched = await open()
  const { page, photograph } = watched
  await page.getByRole('link', { name: 'Voices', exact: true }).click()
  await page.getByRole('heading', { name: 'Came with the server' }).waitFor()
  await page.getByLabel('Name', { exact: true }).fill('Anna')
  await page.getByLabel('Recording').setInputFiles(RECORDING)
  await page.getByRole('button', { name: 'Keep this voice' }).click()
  assert.equal(await page.getByRole('article', { name: 'Voice Anna' }).count(), 0, 'not without consent')
  await page.getByRole('checkbox', { name: /agrees/ }).check()
  await page.getByRole('button', { name: 'Keep this voice' }).click()
  await page.getByRole('button', { name: 'Hear Anna' }).click()
  await page.getByRole('button', { name: 'Pause the voice Anna' }).waitFor()
  await page.getByRole('button', { name: 'Rename Anna' }).click()
  await page.getByLabel('New name').fill('Anna, warm')
  await page.getByRole('button', { name: 'Rename', exact: true }).click()
  await page.getByRole('button', { name: 'Use Anna, warm' }).waitFor()
  await photograph('desktop-15-voices', true)
  await page.getByRole('button', { name: 'Use Anna, warm' }).click()
  await textField(page).fill('Somebody keeps my voice.')
  await speakButton(page).click()
  await waitForTakes(page, 1)
  await takes(page).getByText('Anna, warm').waitFor()
  await page.getByRole('button', { name: 'Code' }).click()
  await page.getByText(/reference_audio=voice:[0-9a-f]{32}/).waitFor()
  await page.getByRole('link', { name: 'Voices', exact: true }).click()
  await page.getByRole('button', { name: 'Delete Anna, warm' }).click()
  await page.getByRole('button', { name: 'Really delete Anna, warm' }).click()
  await page.getByText('No voice is kept for this account yet.', { exact: false }).waitFor()
  watched.assertClean()
})
