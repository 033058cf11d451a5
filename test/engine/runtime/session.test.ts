import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { Graph } from '../../../src/compile/onnx/graph.ts'
import { add, mul } from '../../../src/compile/onnx/operators.ts'
import { saveGraph } from '../../../src/compile/onnx/save.ts'
import { Session, UNFETCHABLE_OUTPUT } from '../../../src/engine/runtime/session.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'session-'))
after(() => rmSync(folder, { recursive: true }))

/** sum = a + b and product = a · b for a, b [batch, 3]; optionally with the output that cannot be fetched. */
function open(name: string, unfetchable = false): Promise<Session> {
  const graph = new Graph(name)
  const a = graph.input('a', 'float32', ['batch', 3])
  const b = graph.input('b', 'float32', ['batch', 3])
  if (unfetchable)
    graph.output(UNFETCHABLE_OUTPUT, graph.node1('SequenceEmpty', [], { dtype: 'float32-sequence', shape: [] }))
  graph.output('sum', add(a, b))
  graph.output('product', mul(a, b))
  saveGraph(graph, folder)
  return Session.open(path.join(folder, `${name}.onnx`), { threads: 1 })
}

const tensor = (...data: number[]) => ({ data: Float32Array.from(data), shape: [data.length / 3, 3] })

test('returns all outputs, or only those asked for', async () => {
  await using session = await open('plain')
  const feeds = { a: tensor(1, 2, 3), b: tensor(4, 5, 6) }
  assert.deepEqual(await session.run(feeds), { sum: tensor(5, 7, 9), product: tensor(4, 10, 18) })
  assert.deepEqual(await session.run(feeds, ['product']), { product: tensor(4, 10, 18) })
})

test('refuses by name what does not fit the graph, before native code sees it', async () => {
  await using session = await open('checked')
  const a = tensor(1, 2, 3)
  const refused: [Parameters<Session['run']>[0], RegExp][] = [
    [{ a }, /b is missing/],
    [{ a, b: a, c: a }, /no input c/],
    [{ a, b: { data: Int32Array.of(1, 2, 3), shape: [1, 3] } }, /b is int32 \[1,3\].* takes float32 \[batch,3\]/],
    [{ a, b: { data: Float32Array.of(1, 2), shape: [1, 2] } }, /b is float32 \[1,2\]/],
    [{ a, b: { data: Float32Array.of(1, 2, 3), shape: [3] } }, /b is float32 \[3\]/],
    [{ a, b: { data: Float32Array.of(1, 2, 3, 4), shape: [1, 3] } }, /with 4 values/],
    [{ a, b: tensor(1, 2, 3, 4, 5, 6) }, /b is float32 \[2,3\]/],
  ]
  for (const [feeds, message] of refused) await assert.rejects(session.run(feeds), message)
})

test('a bound run reads and writes the arrays it was given', async () => {
  await using session = await open('bound', true)
  const [a, b, sum] = [tensor(1, 2, 3), tensor(4, 5, 6), tensor(0, 0, 0)]
  const bound = session.bindInPlace({ a, b }, { sum })
  await bound.run()
  assert.deepEqual([...sum.data], [5, 7, 9])
  a.data.set([10, 20, 30])
  await bound.run()
  assert.deepEqual([...sum.data], [14, 25, 36])
})

test('a bound run checks the outputs too, and a graph that was not made for it is refused', async () => {
  await using session = await open('checked-bound', true)
  const [a, b] = [tensor(1, 2, 3), tensor(4, 5, 6)]
  assert.throws(() => session.bindInPlace({ a, b }, { sum: tensor(1, 2, 3, 4, 5, 6) }), /sum is float32 \[2,3\]/)
  assert.throws(() => session.bindInPlace({ a, b }, { difference: a }), /no output difference/)
  await using plain = await open('unbindable')
  assert.throws(() => plain.bindInPlace({ a, b }, { sum: a }), /no in-place runs/)
})

test('a graph with an unfetchable output still runs the ordinary way', async () => {
  await using session = await open('ordinary', true)
  const results = await session.run({ a: tensor(1, 2, 3), b: tensor(4, 5, 6) })
  assert.deepEqual(Object.keys(results), ['sum', 'product'])
})

test('other work of the process gets its turn between two runs', async () => {
  await using session = await open('polite')
  let turns = 0
  const timer = setInterval(() => turns++, 0)
  while (turns < 3) await session.run({ a: tensor(1, 2, 3), b: tensor(4, 5, 6) })
  clearInterval(timer)
})
