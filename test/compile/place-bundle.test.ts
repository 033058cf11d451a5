import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { demandReplaceable, linkVersion, NotABundleError, replaceFolder } from '../../src/compile/place-bundle.ts'

let root: string
let to: string
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'place-bundle-'))
  to = path.join(root, 'turbo')
})
afterEach(() => rmSync(root, { recursive: true }))

const version = (letter: string): string => letter.repeat(16)
/** A finished work folder. */
function made(content: string): string {
  const folder = path.join(root, 'turbo.partial')
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'manifest.json'), content)
  return folder
}
const found = (folder = to): string => readFileSync(path.join(folder, 'manifest.json'), 'utf8')

test('the link moves to the newest version; the one before stays, and goes with the next', async () => {
  await linkVersion(made('a'), to, version('a'))
  assert.deepEqual([found(), readlinkSync(to)], ['a', 'turbo-aaaaaaaaaaaaaaaa'])
  await linkVersion(made('b'), to, version('b'))
  assert.equal(found(), 'b')
  assert.deepEqual(readdirSync(root), ['turbo', 'turbo-aaaaaaaaaaaaaaaa', 'turbo-bbbbbbbbbbbbbbbb'])
  mkdirSync(path.join(root, 'turbo-of-mine'))
  mkdirSync(path.join(root, 'nano-aaaaaaaaaaaaaaaa'))
  await linkVersion(made('c'), to, version('c'))
  assert.equal(found(), 'c')
  assert.deepEqual(readdirSync(root), [
    'nano-aaaaaaaaaaaaaaaa',
    'turbo',
    'turbo-bbbbbbbbbbbbbbbb',
    'turbo-cccccccccccccccc',
    'turbo-of-mine',
  ])
})

test('the same version again is put beside the one in use, not over it', async () => {
  const own = 'turbo-aaaaaaaaaaaaaaaa'
  for (const content of ['first', 'second']) await linkVersion(made(content), to, version('a'))
  assert.deepEqual([found(), found(path.join(root, own))], ['second', 'first'])
  assert.deepEqual(readdirSync(root), ['turbo', own, `${own}-2`])
  await linkVersion(made('third'), to, version('a'))
  assert.deepEqual(readdirSync(root), ['turbo', `${own}-2`, `${own}-3`])
})

test('a folder in the place of the link is replaced, and what an interrupted installation has left is cleared up', async () => {
  await replaceFolder(made('by hand'), to)
  assert.equal(found(), 'by hand')
  mkdirSync(path.join(root, 'turbo-bbbbbbbbbbbbbbbb'))
  mkdirSync(path.join(root, 'turbo.old'))
  writeFileSync(path.join(root, 'turbo.link'), '')
  rmSync(path.join(root, 'turbo.old'), { recursive: true })
  await linkVersion(made('a'), to, version('a'))
  assert.equal(found(), 'a')
  assert.deepEqual(readdirSync(root), ['turbo', 'turbo-aaaaaaaaaaaaaaaa'])
})

test('a plain folder is replaced as a whole', async () => {
  await replaceFolder(made('a'), to)
  await replaceFolder(made('b'), to)
  assert.equal(found(), 'b')
  assert.deepEqual(readdirSync(root), ['turbo'])
})

test('nothing, an empty folder and a bundle may be replaced, nothing else', async () => {
  await demandReplaceable(to)
  mkdirSync(to)
  await demandReplaceable(to)
  writeFileSync(path.join(to, 'thesis.txt'), 'three years of work')
  await assert.rejects(
    demandReplaceable(to),
    (error) =>
      error instanceof NotABundleError && /turbo holds something else than a compiled model/.test(error.message),
  )
  assert.ok(existsSync(path.join(to, 'thesis.txt')))
  rmSync(to, { recursive: true })
  await linkVersion(made('a'), to, version('a'))
  await demandReplaceable(to)
})
