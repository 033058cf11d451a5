import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ENGINE_ENVIRONMENT } from '../../../src/engine/engine-environment.ts'
import { forgetAfter, sparseFloats } from '../../../src/engine/runtime/sparse-floats.ts'

const HUGE_PAGES = '/sys/kernel/mm/transparent_hugepage/enabled'
const SIZE = 64 << 20
const PROBES = 32

/** What kernel and C library do is theirs: it can be seen only where huge pages are given to those who ask. */
function skipped(): string | false {
  try {
    const setting = readFileSync(HUGE_PAGES, 'utf8')
    return setting.includes('[madvise]') ? false : `${HUGE_PAGES} is ${setting.trim()}`
  } catch {
    return 'this system has no such huge pages'
  }
}

test('zeros that can be written, moved and viewed as any others', () => {
  const floats = sparseFloats(1000)
  assert.ok(floats.length === 1000 && floats.every((value) => value === 0))
  floats[10] = 1.5
  floats.copyWithin(20, 10, 11)
  const view = floats.subarray(20, 30)
  assert.deepEqual([view.length, view[0]], [10, 1.5])
  assert.deepEqual(floats.slice(19, 22), Float32Array.of(0, 1.5, 0))
})

test('what is forgotten is zero and costs nothing, and views see it', { skip: process.platform !== 'linux' }, () => {
  const resident = () => 1024 * Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
  const floats = sparseFloats(SIZE / 4)
  const view = floats.subarray(SIZE / 8, SIZE / 8 + 10)
  floats.fill(2)
  const full = resident()
  forgetAfter(floats, 100)
  assert.ok(full - resident() > SIZE / 2, `${full - resident()} bytes came back`)
  assert.deepEqual([floats.length, floats[99], floats[2000], view.length, view[0]], [SIZE / 4, 2, 0, 10, 0])
  view[0] = 3
  assert.equal(floats[SIZE / 8], 3)
})

test('in the engine process, a number written costs a page and not a huge one', { skip: skipped() }, (t) => {
  const grown = (allocation: string): number => {
    const script = `
      import { readFileSync } from 'node:fs'
      import { forgetAfter, sparseFloats } from ${JSON.stringify(import.meta.resolve('../../../src/engine/runtime/sparse-floats.js'))}
      const resident = () => 1024 * Number(/RssAnon:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
      resident()
      const before = resident()
      const floats = ${allocation}
      for (let i = 0; i < ${PROBES}; i++) floats[Math.floor((i * floats.length) / ${PROBES})] = 1
      console.log(resident() - before, floats.length)`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: ENGINE_ENVIRONMENT,
      encoding: 'utf8',
    })
    assert.match(stdout, /^-?\d+ \d+\n$/, stderr)
    return Number(stdout.split(' ')[0])
  }
  const [sparse, ordinary] = [`sparseFloats(${SIZE / 4})`, `new Float32Array(${SIZE / 4})`].map(grown)
  assert.ok(sparse !== undefined && sparse < SIZE / 8, `${sparse} bytes for ${PROBES} numbers`)
  // Otherwise the difference cannot be seen here: another C library, or no huge pages left.
  if (ordinary !== undefined && ordinary < SIZE / 2) t.skip(`an ordinary array grows by ${ordinary} bytes only`)
})
