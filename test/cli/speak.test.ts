import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { decodeAudio } from '../../src/audio/decode/decode.ts'
import { runCommand } from '../harness/command.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true }))
const environment = { XDG_CACHE_HOME: path.join(folder, 'cache') }
const speak = (args: readonly string[], input?: string) => runCommand(['speak', ...args], environment, input)
const secondsOf = async (bytes: Uint8Array): Promise<number> => {
  const { samples, sampleRate } = await decodeAudio(bytes, { maxSeconds: 60, cpuMs: 20_000 }, AbortSignal.any([]))
  return samples.length / sampleRate
}

test('the ending of the output picks the format', async () => {
  for (const [ending, begins] of [
    ['wav', 'RIFF'],
    ['flac', 'fLaC'],
    ['opus', 'OggS'],
  ]) {
    const output = path.join(folder, `hello.${ending}`)
    const { code, stdout, stderr } = await speak(['Hello there.', '-o', output])
    assert.equal(code, 0, stderr)
    assert.equal(stdout.length, 0)
    assert.match(stderr, /hello\.\w+: \d\.\d s of \w+, made in .* by the preview engine, seed 42/)
    const bytes = await readFile(output)
    assert.equal(bytes.subarray(0, 4).toString(), begins)
    assert.ok((await secondsOf(bytes)) > 0.5)
  }
})

test('text comes from a pipe and speech goes into one, with nothing else on standard output', async () => {
  const { code, stdout } = await speak([], 'Piped in, piped out.\n')
  assert.equal(code, 0)
  assert.equal(stdout.subarray(0, 4).toString(), 'RIFF')
  assert.ok((await secondsOf(stdout)) > 0.5)
})

test('--quiet prints nothing', async () => {
  const { stderr } = await speak(['Hush.', '-q', '-o', path.join(folder, 'hush.wav')])
  assert.equal(stderr, '')
})

test('the same seed gives the same file, another seed another one', async () => {
  const [first, again, other] = await Promise.all(
    ['7', '7', '8'].map((seed) => speak(['The same words.', '--seed', seed, '-o', '-'])),
  )
  assert.ok(first && again && other)
  assert.deepEqual(first.stdout, again.stdout)
  assert.notDeepEqual(first.stdout, other.stdout)
})

test('figures and signs are said in words where that is asked for', async () => {
  const [figures, words] = await Promise.all([
    speak(['It costs $4.50.', '--text-handling', 'full', '-o', '-']),
    speak(['It costs four dollars and fifty cents.', '-o', '-']),
  ])
  assert.equal(figures.code, 0, figures.stderr)
  assert.deepEqual(figures.stdout, words.stdout)
})

test('what is wrong is one line that says what to do', async () => {
  const cases: [string[], RegExp][] = [
    [['Hello.', '-o', 'hello.txt'], /^error: hello\.txt: the ending says no format/],
    [['Hello.', '--voice', '/no/such.wav', '-o', '-'], /^error: --voice: ENOENT/],
    [
      ['Hello.', '--voice', path.join(import.meta.dirname, 'speak.test.js'), '-o', '-'],
      /^error: Reference media rejected/,
    ],
    [['Hello.', '--temperature', '9', '-o', '-'], /between 0\.05 and 2/],
    [['Hello.', '--text-handling', 'some', '-o', '-'], /full, punctuation, none/],
    [[' '], /^error: There is no text to speak/],
  ]
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await speak(args)
    assert.equal(code, 1, args.join(' '))
    assert.match(stderr, message)
    assert.equal(stdout.length, 0)
  }
})
