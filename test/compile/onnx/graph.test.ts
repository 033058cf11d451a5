import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { Graph } from '../../../src/compile/onnx/graph.ts'
import * as op from '../../../src/compile/onnx/operators.ts'
import { saveGraph } from '../../../src/compile/onnx/save.ts'
import { windowedLength } from '../../../src/compile/onnx/shapes.ts'
import { floatTensor } from '../../../src/compile/tensor.ts'
import { runGraph } from '../../harness/graphs.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'graph-'))
after(() => rmSync(folder, { recursive: true }))

const ramp = (count: number) => Float32Array.from({ length: count }, (_, i) => i)

test('shapes that do not fit are refused while building, by operator and shape', () => {
  const graph = new Graph('shapes')
  const x = graph.input('x', 'float32', ['frames', 8])
  const y = graph.input('y', 'float32', ['frames', 6])
  assert.throws(() => op.add(x, y), /\[frames, 8\] does not broadcast with \[frames, 6\]/)
  assert.throws(() => op.matMul(x, y), /matMul of \[frames, 8\] and \[frames, 6\]/)
  assert.throws(() => op.reshape(x, [4, 'frames', 3]), /reshape of \[frames, 8\] to \[4, frames, 3\]|changes the size/)
  assert.throws(() => op.reshape(x, ['a', 'b']), /infers two dimensions/)
  assert.throws(() => op.transpose(x, [0, 0]), /transpose of/)
  assert.throws(() => op.split(x, [4, 5], 1), /split of/)
  assert.throws(() => op.concat([x, y], 0), /concat of/)
  assert.throws(() => op.squeeze(x, [1]), /squeeze of axis 1/)
  assert.throws(() => op.named(x, ['frames', 7]), /cannot be called/)
  assert.throws(() => op.add(x, op.cast(x, 'int64')), /Add of float32 and int64/)
})

test('values of two graphs do not mix, and names are unique', () => {
  const [graph, other] = [new Graph('a'), new Graph('b')]
  const x = graph.input('x', 'float32', [1])
  assert.throws(() => op.add(x, other.input('x', 'float32', [1])), /another graph/)
  assert.throws(() => other.output('y', x), /another graph/)
  graph.output('y', op.mul(x, 2))
  assert.throws(() => graph.output('y', x), /two outputs are called y/)
  const weight = floatTensor('w', [1], () => ramp(1))
  graph.weight('w', weight)
  assert.throws(() => graph.weight('w', weight), /two weights of a are called w/)
})

test('lengths of windows are computed where they are known and named where they are not', () => {
  const window = { kernel: 3, stride: 2, dilation: 1, padding: [1, 1] } as const
  assert.deepEqual(
    [5, 6, 7].map((length) => windowedLength(length, window)),
    [3, 3, 4],
  )
  assert.equal(windowedLength('frames', { ...window, stride: 1 }), 'frames')
  assert.equal(windowedLength('frames', window), 'floor((frames - 1) / 2) + 1')
  assert.throws(() => windowedLength(2, { ...window, kernel: 9, padding: [0, 0] }), /does not fit/)
})

test('outputs have the names they were given: of results, of inputs, and of one value under two names', async () => {
  const graph = new Graph('outputs')
  const x = graph.input('x', 'float32', ['n'])
  const doubled = op.mul(x, 2)
  graph.output('doubled', doubled)
  graph.output('same', doubled)
  graph.output('input', x)
  graph.output('constant', graph.constant('float32', [3, 4]))
  graph.probe('hidden', doubled)
  const outputs = await runGraph(graph, { x: { data: Float32Array.of(1, -1), shape: [2] } })
  assert.deepEqual(Object.keys(outputs), ['doubled', 'same', 'input', 'constant'])
  assert.deepEqual(outputs.same, Float32Array.of(2, -2))
  assert.deepEqual(outputs.input, Float32Array.of(1, -1))
  assert.deepEqual(outputs.constant, Float32Array.of(3, 4))
})

test('probes are outputs only where they are asked for', () => {
  const probed = new Graph('probed', { probes: true })
  probed.probe('hidden', probed.input('x', 'float32', [1]))
  assert.deepEqual(
    probed.outputs.map(({ name }) => name),
    ['hidden'],
  )
})

test('equal constants are one weight, but zero and minus zero are two', () => {
  const graph = new Graph('constants')
  const names = [0, 0, -0, 1].map((value) => graph.constant('float32', value).name)
  assert.equal(new Set(names).size, 3)
  assert.notEqual(graph.constant('int64', [1]).name, graph.constant('int64', 1).name)
})

test('large weights go to the .bin, each from the start of a page, read once and one at a time', async () => {
  const graph = new Graph('weights')
  const reads: string[] = []
  const weight = (name: string, rows: number) =>
    graph.weight(
      name,
      floatTensor(name, [rows, 100], () => {
        reads.push(name)
        return ramp(rows * 100)
      }),
    )
  const x = graph.input('x', 'float32', [1, 100])
  const table = op.concat([weight('first', 5), weight('second', 7)], 0)
  graph.output('y', op.matMul(table, op.transpose(x, [1, 0])))
  assert.deepEqual(saveGraph(graph, folder), ['weights.onnx', 'weights.bin'])
  assert.deepEqual(reads, ['first', 'second'])
  assert.equal(statSync(path.join(folder, 'weights.bin')).size, 4096 + 7 * 400)
  const bin = readFileSync(path.join(folder, 'weights.bin'))
  assert.equal(bin.readFloatLE(4096 + 4), 1)
  assert.ok(statSync(path.join(folder, 'weights.onnx')).size < 1000)
  const { y } = await runGraph(graph, { x: { data: new Float32Array(100).fill(1), shape: [1, 100] } })
  assert.equal(y?.[0], 4950)
})

test('a weight of another size than its shape is not written', () => {
  const graph = new Graph('wrong')
  graph.weight(
    'w',
    floatTensor('w', [1000], () => ramp(999)),
  )
  assert.throws(() => saveGraph(graph, folder), /weight w has 3996 bytes, its shape needs 4000/)
})

test('operators compute what their names say', async () => {
  const graph = new Graph('operators')
  const x = graph.input('x', 'float32', ['rows', 4])
  const [left, right] = op.split(x, [1, 3], 1)
  assert.ok(left && right)
  graph.output('joined', op.concat([right, left], -1))
  graph.output('folded', op.reshape(x, ['rows', 2, 2]))
  graph.output('inner', op.slice(x, 1, 1, -1, 2))
  graph.output('mirrored', op.pad(x, 1, 2, 1, 'reflect'))
  graph.output('clipped', op.clip(x, undefined, 2))
  graph.output('means', op.mean(x, 1, false))
  graph.output('rows', op.gatherRows(x, graph.constant('int64', [1, 0])))
  const outputs = await runGraph(graph, { x: { data: ramp(8), shape: [2, 4] } })
  const expected = {
    joined: [1, 2, 3, 0, 5, 6, 7, 4],
    folded: [0, 1, 2, 3, 4, 5, 6, 7],
    inner: [1, 2, 5, 6],
    mirrored: [2, 1, 0, 1, 2, 3, 2, 6, 5, 4, 5, 6, 7, 6],
    clipped: [0, 1, 2, 2, 2, 2, 2, 2],
    means: [1.5, 5.5],
    rows: [4, 5, 6, 7, 0, 1, 2, 3],
  }
  for (const [name, values] of Object.entries(expected)) assert.deepEqual([...(outputs[name] ?? [])], values, name)
})
