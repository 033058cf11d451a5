// The decoder's graphs at the tiny size, with synthetic weights, in a temporary folder: compiled in well under a second.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { SafetensorsFile } from '../../src/compile/checkpoint/safetensors.ts'
import { Weights } from '../../src/compile/checkpoint/weights.ts'
import { TINY } from '../../src/compile/dimensions.ts'
import { flowEncoder } from '../../src/compile/networks/flow-encoder.ts'
import { flowEstimator } from '../../src/compile/networks/flow-estimator.ts'
import { f0Predictor, vocoder } from '../../src/compile/networks/vocoder.ts'
import { saveGraph } from '../../src/compile/onnx/save.ts'
import { writeSyntheticFile } from '../../src/compile/synthetic/synthetic.ts'

export interface TinyDecoder extends Disposable {
  graphFile(name: string): string
  /** Tensors of the scopes `flow` and `mel2wav` that no graph has taken. */
  readonly untaken: readonly string[]
}

export function makeTinyDecoder(): TinyDecoder {
  const folder = mkdtempSync(path.join(tmpdir(), 'tiny-decoder-'))
  writeSyntheticFile(folder, 's3gen_meanflow.safetensors', TINY)
  using file = new SafetensorsFile(path.join(folder, 's3gen_meanflow.safetensors'))
  const weights = new Weights(file)
  const { s3gen } = TINY
  for (const graph of [
    flowEncoder(weights.at('flow'), s3gen.flowEncoder),
    flowEstimator(weights.at('flow', 'decoder', 'estimator'), s3gen.flowEstimator),
    f0Predictor(weights.at('mel2wav'), s3gen.vocoder),
    vocoder(weights.at('mel2wav'), s3gen.vocoder),
  ])
    saveGraph(graph, folder)
  weights.ignore(/^(flow|mel2wav)\./, 'not taken')
  const untaken = [...weightNames(weights)]
  return {
    graphFile: (name) => path.join(folder, `${name}.onnx`),
    untaken,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}

/** What `ignore` has set aside is what nobody took. */
function weightNames(weights: Weights): readonly string[] {
  weights.ignore(/^(tokenizer|speaker_encoder)\./, 'belongs to other networks')
  return weights
    .finish()
    .filter(({ reason }) => reason === 'not taken')
    .flatMap(({ names }) => names)
}
