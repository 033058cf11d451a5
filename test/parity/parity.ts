// What the stages of the parity run share: official numbers, synthetic checkpoints at full size, graphs with their inner values, and
// the comparison itself.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { SafetensorsFile } from '../../src/compile/checkpoint/safetensors.ts'
import { type Dimensions, NANO, TURBO } from '../../src/compile/dimensions.ts'
import type { Graph } from '../../src/compile/onnx/graph.ts'
import { saveGraph } from '../../src/compile/onnx/save.ts'
import { writeSyntheticFile } from '../../src/compile/synthetic/synthetic.ts'
import type { CheckpointFile } from '../../src/compile/synthetic/tensor-list.ts'
import { MEL_BANDS } from '../../src/engine/chatterbox/decoder/frame-rates.ts'
import type { Tensor } from '../../src/engine/runtime/session.ts'

export interface ParityRun extends Disposable {
  /** A file of official inputs and results, e.g. `flow_small`. Closed with the run. */
  fixture(name: string): SafetensorsFile
  /** One of the JSON files beside them. The stage says what it expects to find. */
  json<T>(name: string): T
  /** A synthetic checkpoint file at full size: made once, 4 GB in all, and kept for the next run. Closed with the run. */
  checkpoint(file: CheckpointFile): SafetensorsFile
  /** Saves a graph to a temporary folder; its path there. */
  save(graph: Graph): string
  /** Saves several and tells by name where they are. */
  saveAll(graphs: readonly Graph[]): (name: string) => string
  /** Reports the largest absolute difference. Unequal lengths and NaN fail. */
  compare(key: string, found: ArrayLike<number>, official: ArrayLike<number>, tolerance: number): void
  /** Reports 10 · log10(signal² / difference²). */
  compareSignal(key: string, found: ArrayLike<number>, official: ArrayLike<number>, leastDecibels: number): void
  /** Reports how many of something differ, where `most` may. */
  compareCount(key: string, differing: number, most: number): void
  /** How many comparisons failed. */
  readonly failures: number
}

/** How a stage opens its graphs. */
export const PARITY_SESSION = { threads: 2 } as const

export type Stage = (run: ParityRun) => Promise<void>

const DIMENSIONS: Readonly<Record<CheckpointFile, Dimensions>> = {
  've.safetensors': TURBO,
  's3gen_meanflow.safetensors': TURBO,
  't3_turbo_v1.safetensors': TURBO,
  't3_nano_v1.safetensors': NANO,
}

export function startParityRun(fixtureFolder: string, checkpointFolder: string): ParityRun {
  const graphFolder = mkdtempSync(path.join(tmpdir(), 'parity-'))
  const files = new Map<string, SafetensorsFile>()
  const opened = (file: string) => {
    const known = files.get(file) ?? new SafetensorsFile(file)
    files.set(file, known)
    return known
  }
  let failures = 0
  const report = (key: string, passed: boolean, text: string) => {
    if (!passed) failures += 1
    console.log(`${passed ? 'pass' : 'FAIL'}  ${key.padEnd(48)} ${text}`)
  }
  const save = (graph: Graph) => {
    const folder = mkdtempSync(path.join(graphFolder, 'graph-'))
    saveGraph(graph, folder)
    return path.join(folder, `${graph.name}.onnx`)
  }
  return {
    fixture: (name) => opened(path.join(fixtureFolder, `${name}.safetensors`)),
    json: (name) => JSON.parse(readFileSync(path.join(fixtureFolder, `${name}.json`), 'utf8')),
    checkpoint: (file) => {
      makeCheckpoint(checkpointFolder, file)
      return opened(path.join(checkpointFolder, file))
    },
    save,
    saveAll: (graphs) => {
      const paths = new Map(graphs.map((graph) => [graph.name, save(graph)]))
      return (name) => {
        const found = paths.get(name)
        if (!found) throw new Error(`no graph ${name} was saved`)
        return found
      }
    },
    compare: (key, found, official, tolerance) => {
      const error = largestDifference(found, official)
      report(
        key,
        error <= tolerance,
        `max abs error ${error.toExponential(1)}, tolerance ${tolerance.toExponential(0)}`,
      )
    },
    compareSignal: (key, found, official, leastDecibels) => {
      const decibels = signalToNoise(found, official)
      report(key, decibels >= leastDecibels, `SNR ${decibels.toFixed(1)} dB, at least ${leastDecibels} dB`)
    },
    compareCount: (key, differing, most) => report(key, differing <= most, `${differing} differ, at most ${most}`),
    get failures() {
      return failures
    },
    [Symbol.dispose]: () => {
      for (const file of files.values()) file.close()
      rmSync(graphFolder, { recursive: true, force: true })
    },
  }
}

function makeCheckpoint(folder: string, file: CheckpointFile): void {
  if (existsSync(path.join(folder, file))) return
  mkdirSync(folder, { recursive: true })
  const unfinished = mkdtempSync(path.join(folder, 'unfinished-'))
  writeSyntheticFile(unfinished, file, DIMENSIONS[file])
  renameSync(path.join(unfinished, file), path.join(folder, file))
  rmSync(unfinished, { recursive: true })
}

function largestDifference(found: ArrayLike<number>, official: ArrayLike<number>): number {
  if (found.length !== official.length) return Number.POSITIVE_INFINITY
  let largest = 0
  for (let i = 0; i < official.length; i++) {
    const difference = Math.abs((found[i] ?? Number.NaN) - (official[i] ?? Number.NaN))
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
  }
  return largest
}

function signalToNoise(found: ArrayLike<number>, official: ArrayLike<number>): number {
  if (found.length !== official.length) return Number.NEGATIVE_INFINITY
  let [signal, noise] = [0, 0]
  for (let i = 0; i < official.length; i++) {
    signal += (official[i] ?? Number.NaN) ** 2
    noise += ((found[i] ?? Number.NaN) - (official[i] ?? Number.NaN)) ** 2
  }
  return 10 * Math.log10(signal / noise)
}

/** The floats of a graph's output; none if it is missing, which no comparison passes. */
export const floatsOf = (tensor: Tensor | undefined): Float32Array =>
  tensor?.data instanceof Float32Array ? tensor.data : new Float32Array()

/** [frames, channels] → [channels, frames], the order of the official arrays. */
export const channelsFirst = (values: Float32Array, channels: number): Float32Array =>
  transpose(values, values.length / channels, channels)
export const bandsFirst = (mel: Float32Array): Float32Array => channelsFirst(mel, MEL_BANDS)
/** [MEL_BANDS, frames] → [frames, MEL_BANDS]. */
export const framesFirst = (mel: Float32Array): Float32Array => transpose(mel, MEL_BANDS, mel.length / MEL_BANDS)

const transpose = (values: Float32Array, rows: number, columns: number): Float32Array =>
  values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)] ?? Number.NaN)
