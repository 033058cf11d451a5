// T3 of the tiny synthetic checkpoint, compiled into a temporary folder: two layers of two heads, real names, random weights.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { SafetensorsFile } from '../../src/compile/checkpoint/safetensors.ts'
import { Weights } from '../../src/compile/checkpoint/weights.ts'
import { TINY } from '../../src/compile/dimensions.ts'
import { buildT3 } from '../../src/compile/networks/t3.ts'
import { buildT3Embedding, IGNORED_T3_TENSORS } from '../../src/compile/networks/t3-embedding.ts'
import { saveGraph } from '../../src/compile/onnx/save.ts'
import type { Precision } from '../../src/compile/quantize.ts'
import { writeSyntheticFile } from '../../src/compile/synthetic/synthetic.ts'

const CHECKPOINT = 't3_turbo_v1.safetensors'

export class TinyT3 implements Disposable {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'tiny-t3-'))
  readonly checkpoint: SafetensorsFile

  constructor() {
    writeSyntheticFile(this.#folder, CHECKPOINT, TINY)
    this.checkpoint = new SafetensorsFile(path.join(this.#folder, CHECKPOINT))
  }

  /** Compiles both graphs in this precision; fails if a tensor of the checkpoint is left over. Returns where each is. */
  compile(precision: Precision): (name: string) => string {
    const folder = mkdtempSync(path.join(this.#folder, `${precision}-`))
    const weights = new Weights(this.checkpoint)
    saveGraph(buildT3(weights, TINY.languageModel, precision), folder)
    saveGraph(buildT3Embedding(weights, TINY.languageModel, TINY.voiceEncoder.embedding), folder)
    for (const [pattern, reason] of IGNORED_T3_TENSORS) weights.ignore(pattern, reason)
    weights.finish()
    return (name) => path.join(folder, `${name}.onnx`)
  }

  [Symbol.dispose](): void {
    this.checkpoint.close()
    rmSync(this.#folder, { recursive: true })
  }
}
