// A model of the real size with formula-made weights, compiled: made on first use and kept. A checkpoint takes 4 GB, a compiled model 1 to 3.
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { compileCheckpoint } from '../src/compile/compile.ts'
import { NANO, TURBO } from '../src/compile/dimensions.ts'
import { PRECISIONS } from '../src/compile/quantize.ts'
import { writeSyntheticCheckpoint } from '../src/compile/synthetic/synthetic.ts'
import { openBundle } from '../src/engine/bundle.ts'

const DIMENSIONS = { turbo: TURBO, nano: NANO }

export interface SyntheticBundleOptions {
  /** Holds checkpoints and compiled models. */
  readonly work: string
  /** `turbo` or `nano`. */
  readonly synthetic?: string | undefined
  readonly precision: string
}

/** The folder of the compiled model; one that this program cannot read any more is compiled again. */
export async function syntheticBundle(options: SyntheticBundleOptions): Promise<string> {
  const model = options.synthetic
  if (model !== 'turbo' && model !== 'nano') throw new Error('Name a compiled model, or --synthetic turbo or nano.')
  const precision = PRECISIONS.find((name) => name === options.precision)
  if (!precision) throw new Error(`--precision is one of ${PRECISIONS.join(', ')}.`)
  const checkpoint = path.join(options.work, `checkpoint-${model}`)
  const folder = path.join(options.work, `${model}-${precision}`)
  const isUsable = await openBundle(folder).then(
    () => true,
    () => false,
  )
  if (isUsable) return folder
  if (!existsSync(path.join(checkpoint, 'tokenizer_config.json'))) {
    console.log(`Writing a synthetic checkpoint to ${checkpoint} …`)
    await mkdir(checkpoint, { recursive: true })
    writeSyntheticCheckpoint(checkpoint, model, DIMENSIONS[model])
  }
  console.log(`Compiling it to ${folder} …`)
  await compileCheckpoint({ from: checkpoint, to: folder, precision }, new AbortController().signal)
  return folder
}
