// Files made to break a decoder: mutations of every kind of file, and small files that claim or unfold to enormous
// lengths.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AudioInputError } from '../../../src/audio/audio-input-error.ts'
import { decodeAudio } from '../../../src/audio/decode/decode.ts'
import { decodeFile } from '../../../src/audio/decode/decode-file.ts'
import { encodeAudio } from '../../../src/audio/encode/encoder.ts'
import { concatBytes } from '../../../src/audio/pcm.ts'
import { seededRandom, silence } from '../../harness/signals.ts'
import { type CorpusFile, makeCorpus } from '../corpus.ts'
import { wavFile } from '../wav-files.ts'

const MAX_SECONDS = 20
const MUTANTS_PER_FILE = 45
const never = new AbortController().signal
const corpus = await makeCorpus(0.5)

type Random = () => number
const below = (random: Random, limit: number) => Math.floor(random() * limit)

/**
 * One of: cut short, bits flipped, a stretch of noise, a stretch removed, doubled, or taken from another file; the
 * header often among it.
 */
function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const at = below(random, random() < 0.5 ? Math.min(200, bytes.length) : bytes.length)
  const length = 1 + below(random, random() < 0.5 ? 8 : 2_000)
  const [before, stretch, after] = [bytes.slice(0, at), bytes.slice(at, at + length), bytes.slice(at + length)]
  switch (below(random, 6)) {
    case 0:
      return before
    case 1:
      return bytes.map((byte) => (random() < 0.001 ? byte ^ (1 << below(random, 8)) : byte))
    case 2:
      return concatBytes([before, stretch.map(() => below(random, 256)), after])
    case 3:
      return concatBytes([before, after])
    case 4:
      return concatBytes([before, stretch, stretch, stretch, after])
    default:
      return concatBytes([before, other.slice(at, at + length), after])
  }
}

/** `recording` or the reason of the refusal; anything else that can happen fails the test. */
async function outcome(bytes: Uint8Array, name: string): Promise<string> {
  try {
    const answer = await decodeFile(bytes, MAX_SECONDS)
    if (answer.kind === 'elsewhere') return 'elsewhere'
    const { samples, sampleRate } = answer.recording
    assert.ok(sampleRate >= 4_000 && sampleRate <= 384_000, `${name}: ${sampleRate} Hz`)
    assert.ok(samples.length > 0 && samples.length <= MAX_SECONDS * sampleRate, `${name}: ${samples.length} samples`)
    assert.ok(
      samples.every((value) => Math.abs(value) <= 8),
      `${name}: samples that are no sound`,
    )
    return 'recording'
  } catch (error) {
    if (!(error instanceof AudioInputError)) throw new Error(`${name} broke the decoder`, { cause: error })
    assert.match(error.message, /^[A-Z].*\.$/)
    return error.reason
  }
}

for (const [index, file] of corpus.entries()) {
  test(`${MUTANTS_PER_FILE} mutations of ${file.name} are decoded or refused`, async () => {
    const random = seededRandom(100 + index)
    const outcomes = new Map<string, number>()
    for (let mutant = 0; mutant < MUTANTS_PER_FILE; mutant++) {
      const other = (corpus[below(random, corpus.length)] as CorpusFile).bytes
      const result = await outcome(mutate(file.bytes, other, random), `${file.name} ${mutant}`)
      outcomes.set(result, (outcomes.get(result) ?? 0) + 1)
    }
    // Mutations that never decode, or always, would test nothing.
    assert.ok((outcomes.get('recording') ?? 0) > 0, 'none was decoded')
    assert.ok(outcomes.size > 1, 'none was refused')
  })
}

test('every prefix of a WAV header is refused, none breaks the reader', async () => {
  const header = wavFile({ data: Buffer.alloc(0), extensible: true })
  for (let length = 0; length < header.length; length++) {
    assert.notEqual(await outcome(header.subarray(0, length), `${length} bytes`), 'recording')
  }
})

test('a WAV of a thousand headers and no end is refused without going through them all', async () => {
  const chunks = Buffer.concat([Buffer.from('RIFF\xff\xff\xff\xffWAVE', 'latin1'), Buffer.alloc(8 * 2 ** 20)])
  assert.equal(await outcome(chunks, 'empty chunks'), 'corrupt')
})

/** Repeats all Ogg pages after the two of the head, with new numbers, positions and checksums. */
function repeatedOpus(file: Uint8Array, times: number): Uint8Array {
  const pages: Buffer[] = []
  for (let at = 0; at < file.length; ) {
    const view = Buffer.from(file.buffer, file.byteOffset + at, file.length - at)
    const segments = view.readUInt8(26)
    const size = 27 + segments + view.subarray(27, 27 + segments).reduce((sum, length) => sum + length, 0)
    pages.push(Buffer.from(view.subarray(0, size)))
    at += size
  }
  const [head, tags, ...audio] = pages
  assert.ok(head && tags)
  // The first pages without the last, whose granule is cut.
  const body = audio.slice(0, -1)
  const step = body.length * 4_800
  return concatBytes([
    head,
    tags,
    ...Array.from({ length: times }, (_, round) =>
      body.map((page, i) => {
        const copy = Buffer.from(page)
        copy.writeBigInt64LE(BigInt(round * step + (i + 1) * 4_800), 6)
        copy.writeUInt32LE(2 + round * body.length + i, 18)
        copy.writeUInt32LE(0, 22)
        copy.writeUInt32LE(crc(copy), 22)
        return copy
      }),
    ).flat(),
  ])
}

function crc(bytes: Uint8Array): number {
  let value = 0
  for (const byte of bytes) {
    value ^= byte << 24
    for (let bit = 0; bit < 8; bit++) value = value & 0x80000000 ? (value << 1) ^ 0x04c11db7 : value << 1
  }
  return value >>> 0
}

/** Largest growth of this process, threads included, while something runs. */
async function grownMegabytes(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss()
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 5)
  try {
    await work()
  } finally {
    clearInterval(watch)
  }
  return (most - before) / 2 ** 20
}

test('small files that unfold to hours are refused after the permitted seconds, in bounded memory', async () => {
  const bombs = {
    'two hours of Opus': repeatedOpus(await encodeAudio(silence(1, 24_000), 24_000, 'ogg'), 7_200),
    'ten minutes of FLAC': await encodeAudio(silence(600, 24_000), 24_000, 'flac'),
  }
  for (const [name, bytes] of Object.entries(bombs)) {
    const grown = await grownMegabytes(() =>
      assert.rejects(
        decodeAudio(bytes, { maxSeconds: 300, cpuMs: 60_000 }, never),
        (error) => error instanceof AudioInputError && error.reason === 'too_long',
        name,
      ),
    )
    // 300 s at 48 kHz are 58 MB of samples; the rest is FFmpeg, the file (twice) and JavaScript's slack.
    assert.ok(grown < 400, `${name}: ${grown.toFixed(0)} MB`)
  }
})

test('a FLAC head that claims 384 kHz and endless samples takes no memory for them', async () => {
  const file = Buffer.from(await encodeAudio(silence(1, 24_000), 24_000, 'flac'))
  // STREAMINFO: 20 bits of sample rate, 3 of channels, 5 of depth, 36 of samples.
  file.writeUIntBE(384_000 * 16, 18, 3)
  file.fill(0xff, 22, 26)
  const grown = await grownMegabytes(() => decodeAudio(file, { maxSeconds: 300, cpuMs: 60_000 }, never).catch(() => {}))
  assert.ok(grown < 200, `${grown.toFixed(0)} MB`)
})
