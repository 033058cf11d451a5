import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const session = new URL('../../../src/engine/runtime/session.js', import.meta.url).href
const run = async (code: string): Promise<string[]> => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'telemetry-'))
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
    env: { TMPDIR: folder, HOME: folder, PATH: process.env.PATH },
    cwd: path.dirname(new URL(import.meta.url).pathname),
  })
  const left = await readdir(folder)
  await rm(folder, { recursive: true })
  return left
}

test('loading the runtime reports nothing to anybody', async () => {
  const open = "InferenceSession.create('/nonexistent').catch(() => {})"
  // The library alone leaves the trace of its reporter; through our door it does not.
  const alone = await run(`import { InferenceSession } from 'onnxruntime-node'; await ${open}`)
  assert.ok(
    alone.some((name) => name.startsWith('mat-debug-')),
    'the library has changed how it reports',
  )
  const ours = await run(`import '${session}'; import { InferenceSession } from 'onnxruntime-node'; await ${open}`)
  assert.deepEqual(ours, [])
})
