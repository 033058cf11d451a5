// The recordings that fixtures were computed from, and which part of one.
import type { ParityRun } from './parity.ts'

type Slice = readonly [source: string, start: number, end: number]

export interface Cases {
  readonly ve: { readonly short_source: Slice }
  readonly s3tok: { readonly c_source: Slice; readonly max_len_b: number }
  readonly campplus: { readonly short_source: Slice }
}

export const casesOf = (run: ParityRun): Cases => run.json<Cases>('cases')

export const recording = (run: ParityRun, name: string): Float32Array<ArrayBuffer> =>
  run.fixture('audio').readFloat32(name)

export const sliceOf = (run: ParityRun, [source, start, end]: Slice): Float32Array<ArrayBuffer> =>
  recording(run, source).slice(start, end)
