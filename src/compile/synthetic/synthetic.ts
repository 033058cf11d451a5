// Writes synthetic checkpoint files: the names, shapes and types of the real ones, formula-made values.
import path from 'node:path'
import { melFilters } from '../../engine/chatterbox/voice/mel-filters.ts'
import { SPEECH_MEL_FILTERS } from '../../engine/chatterbox/voice/speech-mel.ts'
import { hannWindow } from '../../engine/chatterbox/voice/windows.ts'
import { type TensorToWrite, writeSafetensors } from '../checkpoint/safetensors-writer.ts'
import type { Dimensions } from '../dimensions.ts'
import { formulaValues } from './formula.ts'
import { type CheckpointFile, type TensorSpec, tensorsOf } from './tensor-list.ts'
import { writeSyntheticTokenizer } from './tokenizer-files.ts'

/** A whole checkpoint folder of one model, but for the default voice. */
export function writeSyntheticCheckpoint(folder: string, model: 'turbo' | 'nano', dimensions: Dimensions): void {
  for (const file of ['ve.safetensors', 's3gen_meanflow.safetensors', `t3_${model}_v1.safetensors`] as const)
    writeSyntheticFile(folder, file, dimensions)
  writeSyntheticTokenizer(folder, dimensions.languageModel.textVocabulary)
}

/**
 * Writes one synthetic checkpoint file into the folder; the same dimensions give the same bytes. Full size: 1 GB and about 3 s per
 * 250 M values. `keep` leaves out tensors that a test of one network does not need.
 */
export function writeSyntheticFile(
  folder: string,
  file: CheckpointFile,
  dimensions: Dimensions,
  keep: (name: string) => boolean = () => true,
): void {
  const specs = tensorsOf(file, dimensions).filter(({ name }) => keep(name))
  const tensors = specs.map((spec): TensorToWrite => ({ ...spec, chunks: () => valuesOf(spec) }))
  writeSafetensors(path.join(folder, file), tensors)
}

function valuesOf({ name, dtype, shape }: TensorSpec): Iterable<ArrayBufferView> {
  if (dtype === 'I64') return [BigInt64Array.of(1n)]
  const constant = CONSTANTS[name]
  return constant ? [constant()] : formulaValues(name, shape)
}

/** Tensors that hold true constants in the real checkpoint, and one bias that spreads the speech tokens over the code book. */
const CONSTANTS: Readonly<Record<string, () => Float32Array>> = {
  'tokenizer._mel_filters': () => melFilters(SPEECH_MEL_FILTERS),
  'tokenizer.window': () => {
    const window = hannWindow(400)
    for (const [index, ulps] of TORCH_COSINE) window[index] = (window[index] ?? 0) + ulps * 2 ** -25
    return window
  },
  'tokenizer.quantizer._codebook.project_down.bias': () =>
    Float32Array.of(-1.57, -1.86, -0.24, -1.49, 1.07, -4.08, 3.01, -3.1),
}

/** Where torch's vectorised float32 cosine rounds the other way than a correctly rounded one: [index, units of 2^-25]. */
const TORCH_COSINE = [
  [18, -1],
  [26, -1],
  [36, 1],
  [55, 1],
  [88, -1],
  [160, -2],
  [195, -2],
  [239, -2],
  [341, -1],
  [381, -1],
  [385, -1],
  [398, 1],
] as const
