// Tags in every container: read back by FFmpeg, the same streamed and whole, and the sound untouched by them.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { decodeFile } from '../../../src/audio/decode/decode-file.ts'
import { createEncoder, encodeAudio } from '../../../src/audio/encode/encoder.ts'
import type { AudioTags } from '../../../src/audio/encode/tags.ts'
import { concatBytes } from '../../../src/audio/pcm.ts'
import { harmonicTone } from '../../harness/signals.ts'
import { makeTemporaryFolder } from '../../harness/temporary-folder.ts'

const RATE = 24_000
const TAGS: AudioTags = {
  encoder: 'program 1.0',
  // An odd number of bytes, beyond ASCII, longer than one Ogg lacing value.
  comment: `Made by a machine – ${'no person said this. '.repeat(20)}.`,
  more: { ORIGIN: 'https://example.com/origin' },
}
const samples = harmonicTone(130, 1.3333, RATE)
const hasFfprobe = spawnSync('ffprobe', ['-version']).status === 0

for (const format of ['wav', 'mp3', 'ogg', 'flac'] as const) {
  test(`${format}: a tagged file decodes to the same samples as one without tags`, async () => {
    const [plain, tagged] = await Promise.all([
      decodeFile(await encodeAudio(samples, RATE, format), 60),
      decodeFile(await encodeAudio(samples, RATE, format, TAGS), 60),
    ])
    assert.ok(plain.kind === 'recording' && tagged.kind === 'recording')
    assert.deepEqual(tagged.recording.samples, plain.recording.samples)
  })

  test(`${format}: a streamed file carries the same tags as the whole one`, async () => {
    using encoder = await createEncoder(format, RATE, TAGS)
    const streamed = concatBytes([
      await encoder.encode(samples.subarray(0, 9_000)),
      await encoder.encode(samples.subarray(9_000)),
      await encoder.finish(),
    ])
    const whole = await encodeAudio(samples, RATE, format, TAGS)
    assert.equal(streamed.length, whole.length)
    for (const text of [TAGS.encoder, TAGS.comment]) {
      assert.ok(Buffer.from(streamed).includes(text), `streamed: ${text}`)
      assert.ok(Buffer.from(whole).includes(text), `whole: ${text}`)
    }
  })

  test(`${format}: FFmpeg reads the tags`, { skip: hasFfprobe ? false : 'ffprobe is not installed' }, async (t) => {
    const folder = await makeTemporaryFolder()
    t.after(() => rm(folder, { recursive: true }))
    const file = path.join(folder, `speech.${format}`)
    await writeFile(file, await encodeAudio(samples, RATE, format, TAGS))
    const probe = spawnSync('ffprobe', ['-v', 'warning', '-of', 'json', '-show_format', '-show_streams', file])
    assert.equal(probe.stderr.toString(), '')
    const { format: container, streams } = JSON.parse(probe.stdout.toString())
    const found: Record<string, string> = {}
    for (const [name, text] of Object.entries({ ...streams[0].tags, ...container.tags })) {
      found[name.toLowerCase()] = String(text)
    }
    assert.equal(found.comment, TAGS.comment)
    assert.equal(found.encoder, TAGS.encoder)
    if (format !== 'wav') assert.equal(found.origin, TAGS.more?.ORIGIN)
  })
}

test('bare PCM has no place for tags', async () => {
  assert.deepEqual(await encodeAudio(samples, RATE, 'pcm', TAGS), await encodeAudio(samples, RATE, 'pcm'))
})
