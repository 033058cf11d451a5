// The docs say what the code does: checked both ways.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { packageRoot, readConfig, SETTINGS } from '../src/config.ts'
import { ERROR_CODES } from '../src/errors.ts'

const read = (file: string): string => readFileSync(path.join(packageRoot, file), 'utf8')
const headings = (file: string): string[] => [...read(file).matchAll(/^### `([^`]+)`/gm)].map((match) => match[1] ?? '')

test('docs/settings.md has a heading for every setting and none for another', () => {
  assert.deepEqual(headings('docs/settings.md').sort(), Object.keys(SETTINGS).sort())
})

test('docs/settings.md states the defaults that are in force', () => {
  const config = readConfig({}, {})
  const page = read('docs/settings.md')
  for (const [name, value] of Object.entries(config)) {
    if (value === undefined) continue
    const section = page.split(`### \`${name}\``)[1]?.split('### ')[0] ?? ''
    assert.match(section, new RegExp(`Default \`${String(value).replaceAll('.', '\\.')}\``), name)
  }
})

test('docs/errors.md has a heading for every error code and none for another', () => {
  assert.deepEqual(headings('docs/errors.md').sort(), [...ERROR_CODES].sort())
})

test('the README is short and its first command comes early', () => {
  const lines = read('README.md').split('\n')
  assert.ok(lines.length <= 121, `${lines.length} lines`)
  const first = lines.findIndex((line) => /^npm /.test(line))
  assert.ok(first >= 0 && first < 25, `first command at line ${first + 1}`)
})

test('every row of docs/failure-modes.md names a test', () => {
  const rows = read('docs/failure-modes.md')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
  assert.ok(rows.length > 25)
  for (const row of rows) {
    const cell = row.split('|').at(-2) ?? ''
    assert.match(cell, /^ `test\/[\w/.-]+\.test\.ts`(, `test\/[\w/.-]+\.test\.ts`)* $/, row)
  }
})

const pages = [
  'README.md',
  'deploy/README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'NOTICE.md',
].concat(
  readdirSync(path.join(packageRoot, 'docs'), { recursive: true })
    .map((name) => path.join('docs', String(name)))
    .filter((name) => name.endsWith('.md')),
)

for (const page of pages) {
  test(`${page} links only to files that exist`, () => {
    for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|mailto:|#)/.test(target)) continue
      const file = path.join(packageRoot, path.dirname(page), target.split('#')[0] ?? '')
      assert.ok(existsSync(file), `${page} → ${target}`)
    }
  })

  test(`${page} names only files of this repository that exist`, () => {
    for (const [, name = ''] of read(page).matchAll(/`((?:src|test|docs|bench|assets|migrations)\/[\w./-]+\.\w+)`/g)) {
      assert.ok(existsSync(path.join(packageRoot, name)), `${page}: ${name}`)
    }
  })
}
