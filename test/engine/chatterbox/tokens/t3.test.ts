import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Precision } from '../../../../src/compile/quantize.ts'
import { T3, type T3Options } from '../../../../src/engine/chatterbox/tokens/t3.ts'
import { largestDifference, noiseTensor } from '../../../harness/graphs.ts'
import { referenceLogits } from '../../../harness/reference-gpt2.ts'
import { TinyT3 } from '../../../harness/tiny-t3.ts'

const tiny = new TinyT3()
after(() => tiny[Symbol.dispose]())
const WIDTH = 128
const options: T3Options = { threads: 1, slots: 8, positions: 256 }
const files = { fp32: tiny.compile('fp32'), int8: tiny.compile('int8'), int4: tiny.compile('int4') }
const open = (precision: Precision, changes: Partial<T3Options> = {}) =>
  T3.open(files[precision]('t3'), { ...options, ...changes })

/** Rows that look like embeddings, another set per seed. */
const rowsOf = (seed: number, count: number): Float32Array => noiseTensor([count, WIDTH], seed).data

/** Fills a slot with rows, in chunks of these sizes over and over, and returns the last logits. */
async function prefill(t3: T3, slot: number, rows: Float32Array, chunks: readonly number[]): Promise<Float32Array> {
  let logits = new Float32Array()
  for (let begin = 0, turn = 0; begin < rows.length / WIDTH; turn++) {
    const end = Math.min(begin + (chunks[turn % chunks.length] ?? 1), rows.length / WIDTH)
    const embeddings = rows.subarray(begin * WIDTH, end * WIDTH)
    logits = Float32Array.from(await t3.forward({ firstSlot: slot, lengths: [begin], embeddings }))
    begin = end
  }
  return logits
}

test('fp32 gives the logits of GPT-2 written down plainly, by prefill and by steps', async () => {
  await using t3 = await open('fp32')
  const rows = rowsOf(1, 12)
  const inputs = Array.from({ length: 12 }, (_, i) => Float64Array.from(rows.subarray(i * WIDTH, (i + 1) * WIDTH)))
  const expected = referenceLogits(tiny.checkpoint, inputs, 2, 2)
  const found = [await prefill(t3, 0, rows.subarray(0, 9 * WIDTH), [9])]
  for (let i = 9; i < 12; i++) {
    const embeddings = rows.subarray(i * WIDTH, (i + 1) * WIDTH)
    found.push(Float32Array.from(await t3.forward({ firstSlot: 0, lengths: [i], embeddings })))
  }
  // Logits reach 10; float32 sums over 512 terms differ by some 1e-6 of that.
  for (const [i, logits] of found.entries())
    assert.ok(largestDifference(logits, expected[8 + i] ?? []) < 5e-5, `after row ${8 + i}`)
})

test('the quantised models stay close to fp32', async () => {
  const rows = rowsOf(2, 40)
  const logits = async (precision: Precision) => {
    await using t3 = await open(precision)
    return await prefill(t3, 0, rows, [40])
  }
  const exact = await logits('fp32')
  // Measured 0.9998 and 0.983 at full size; random weights are the hard case for four bits.
  assert.ok(cosine(await logits('int8'), exact) > 0.999)
  assert.ok(cosine(await logits('int4'), exact) > 0.96)
})

test('the cache is appended to in place, and the copying way gives the same bits', async () => {
  await using inPlace = await open('fp32')
  await using copying = await open('fp32', { inPlace: false })
  assert.deepEqual([inPlace.inPlace, copying.inPlace], [true, false])
  for (const t3 of [inPlace, copying]) {
    for (const slot of [2, 3]) await prefill(t3, slot, rowsOf(slot, 20 + slot), [7])
  }
  const step = { firstSlot: 2, lengths: [22, 23], embeddings: rowsOf(9, 2) }
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await inPlace.forward(step), await copying.forward(step))
    step.lengths = step.lengths.map((length) => length + 1)
  }
})

for (const precision of ['fp32', 'int8'] as const) {
  test(`${precision}: the logits do not depend on how the prefill is cut`, async () => {
    await using t3 = await open(precision)
    const rows = rowsOf(3, 150)
    const whole = await prefill(t3, 0, rows, [150])
    for (const chunks of [[2], [3], [32], [64, 7], [148, 2]])
      assert.deepEqual(await prefill(t3, 1, rows, chunks), whole, `chunks of ${chunks}`)
  })

  test(`${precision}: the logits of a sequence are the same alone and beside any others, in any slot`, async () => {
    await using t3 = await open(precision)
    const lengths = [150, 31, 77, 128, 3, 64, 201, 12]
    const alone: Float32Array[][] = []
    for (const [id, length] of lengths.entries()) {
      await prefill(t3, 7, rowsOf(id, length), [32])
      alone.push([])
      for (let i = 0; i < 2; i++)
        alone[id]?.push(
          Float32Array.from(
            await t3.forward({ firstSlot: 7, lengths: [length + i], embeddings: rowsOf(100 * id + i, 1) }),
          ),
        )
    }
    for (const [batch, firstSlot] of [
      [2, 0],
      [2, 5],
      [3, 1],
      [4, 4],
      [8, 0],
    ] as const) {
      const ids = Array.from({ length: batch }, (_, i) => (3 * i + firstSlot) % lengths.length)
      for (const [i, id] of ids.entries()) await prefill(t3, firstSlot + i, rowsOf(id, lengths[id] ?? 0), [64])
      for (let i = 0; i < 2; i++) {
        const embeddings = new Float32Array(batch * WIDTH)
        for (const [place, id] of ids.entries()) embeddings.set(rowsOf(100 * id + i, 1), place * WIDTH)
        const step = { firstSlot, lengths: ids.map((id) => (lengths[id] ?? 0) + i), embeddings }
        const logits = await t3.forward(step)
        for (const [place, id] of ids.entries()) {
          const found = logits.subarray(place * t3.vocabulary, (place + 1) * t3.vocabulary)
          assert.deepEqual(found, alone[id]?.[i], `sequence ${id} in slot ${firstSlot + place}, ${batch} together`)
        }
      }
    }
  })
}

test('a slot filled with a saved prefix, or moved from another slot, goes on with the same bits', async () => {
  await using t3 = await open('fp32')
  const rows = rowsOf(5, 60)
  await prefill(t3, 0, rows, [60])
  const step = (slot: number) => t3.forward({ firstSlot: slot, lengths: [60], embeddings: rowsOf(6, 1) })
  const expected = Float32Array.from(await step(0))
  t3.cache.loadPrefix(3, t3.cache.savePrefix(0, 40))
  const rest = rows.subarray(40 * WIDTH)
  await t3.forward({ firstSlot: 3, lengths: [40], embeddings: rest })
  assert.deepEqual(await step(3), expected)
  t3.cache.move(3, 6, 60)
  assert.deepEqual(await step(6), expected)
})

test('a sequence longer than the cache is a bug, not a crash', async () => {
  await using t3 = await open('fp32', { positions: 16 })
  await assert.rejects(prefill(t3, 0, rowsOf(1, 17), [17]), /17 positions does not fit/)
})

test('a thousand steps do not grow the memory', async () => {
  await using t3 = await open('int8', { slots: 2, positions: 1100 })
  const embeddings = rowsOf(8, 2)
  const walk = async (begin: number, count: number) => {
    for (let i = begin; i < begin + count; i++) await t3.forward({ firstSlot: 0, lengths: [i, i], embeddings })
  }
  // The first walk fills the cache's pages; the second goes over the same positions.
  await walk(0, 1000)
  const before = process.memoryUsage().rss
  await walk(0, 1000)
  // One copied cache would be 4.5 MB per step.
  assert.ok(process.memoryUsage().rss - before < 50e6)
})

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((total, value, i) => total + value * (y[i] ?? 0), 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}
