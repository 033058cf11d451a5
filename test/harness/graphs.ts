// Builds a graph, saves it to a temporary folder, opens it and runs it once.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Graph } from '../../src/compile/onnx/graph.ts'
import { saveGraph } from '../../src/compile/onnx/save.ts'
import { Session, type Tensor } from '../../src/engine/runtime/session.ts'

/** Runs the graph on `feeds` and returns its outputs as plain float arrays. */
export async function runGraph(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Float32Array>> {
  const folder = mkdtempSync(path.join(tmpdir(), 'graph-'))
  try {
    saveGraph(graph, folder)
    await using session = await Session.open(path.join(folder, `${graph.name}.onnx`), { threads: 1 })
    const outputs = Object.entries(await session.run(feeds))
    return Object.fromEntries(outputs.map(([name, { data }]) => [name, Float32Array.from(data as Float32Array)]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A float32 tensor of repeatable values in ±1 that look random. */
export function noiseTensor(shape: readonly number[], seed: number): Tensor & { readonly data: Float32Array } {
  const count = shape.reduce((product, size) => product * size, 1)
  const data = Float32Array.from({ length: count }, (_, i) => {
    const x = Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453
    return 2 * (x - Math.floor(x)) - 1
  })
  return { data, shape }
}

/** Largest absolute difference; NaN and unequal lengths count as infinite. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let largest = 0
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] ?? 0) - (b[i] ?? 0))
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
  }
  return largest
}
