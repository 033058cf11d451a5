// `chatterbox voices add`, `list`, `encode`, `remove`: the voices of an account, without a running server.
import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import { readVoice } from '../../src/engine/voice-file.ts'
import { BUILT_IN_VOICES_FOLDER } from '../../src/synthesis/built-in-voices.ts'
import { runCommand } from '../harness/command.ts'
import { sine } from '../harness/signals.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const root = await makeTemporaryFolder()
after(() => rm(root, { recursive: true }))
const environment = { DATA_DIR: path.join(root, 'data'), XDG_CACHE_HOME: path.join(root, 'cache'), MODEL: 'preview' }
const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await runCommand(args, environment)
  return { code, stdout: stdout.toString(), stderr }
}
const recording = path.join(BUILT_IN_VOICES_FOLDER, 'ada.flac')

test('a voice is added, listed, encoded and removed', async () => {
  assert.equal((await run('accounts', 'create', 'studio')).code, 0)
  const added = await run('voices', 'add', recording, '--name', 'Anna', '--consent', 'She has signed.')
  assert.equal(added.code, 0, added.stderr)
  const id = /^voice:([0-9a-f]{32})\n$/.exec(added.stdout)?.[1]
  assert.ok(id, added.stdout)
  const listed = await run('voices', 'list')
  assert.match(listed.stdout, new RegExp(`${id} +8\\.5 s +\\d{4}-\\d\\d-\\d\\d +Anna\\n`))
  assert.match(listed.stdout, /\nada +8\.5 s +built in +Ada: /)

  const file = path.join(root, 'anna.safetensors')
  const encoded = await run('voices', 'encode', `voice:${id}`, '-o', file)
  assert.equal(encoded.code, 0, encoded.stderr)
  assert.equal(readVoice(await readFile(file)).model, 'preview')
  const builtIn = path.join(root, 'ada.safetensors')
  assert.equal((await run('voices', 'encode', 'voice:ada', '-o', builtIn)).code, 0)

  const removed = await run('voices', 'remove', id)
  assert.deepEqual([removed.code, removed.stdout], [0, `Removed ${id}.\n`])
  assert.doesNotMatch((await run('voices', 'list')).stdout, /Anna/)
  const again = await run('voices', 'remove', id)
  assert.equal(again.code, 1)
  assert.match(again.stderr, /^error: There is no voice/)
})

test('a recording that cannot be cloned, and a voice without consent, are refused in words', async () => {
  const tone = path.join(root, 'tone.wav')
  await writeFile(tone, await encodeAudio(sine(220, 8, 24_000), 24_000, 'wav'))
  const refused = await run('voices', 'add', tone, '--name', 'Tone', '--consent', 'yes, of a fork')
  assert.deepEqual([refused.code, refused.stdout], [1, ''])
  assert.match(refused.stderr, /No speech can be heard/)
  const silent = await run('voices', 'add', recording, '--name', 'Anna', '--consent', 'no')
  assert.equal(silent.code, 1)
  assert.match(silent.stderr, /^error: consent is required/)
})
