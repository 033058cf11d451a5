// The voice that comes with a checkpoint (conds.pt) as a voice file of the engine.
import path from 'node:path'
import type { Conditionals } from '../engine/chatterbox/voice/conditionals.ts'
import { CheckpointError } from './checkpoint/checkpoint-error.ts'
import { isTorchTensor, readTorchFile, type TorchTensor } from './checkpoint/torch-file.ts'
import { MEL_CHANNELS, SPEECH_TOKENS, XVECTOR_SIZE } from './dimensions.ts'

/** Reads `conds.pt`. Only what this model uses of it; throws CheckpointError if that is missing or of another size. */
export function readDefaultVoice(filePath: string, speakerEmbeddingSize: number): Conditionals {
  const fileName = path.basename(filePath)
  const root = readTorchFile(filePath)
  const tensor = (group: string, name: string): TorchTensor => {
    const found = lookUp(lookUp(root, group), name)
    if (!isTorchTensor(found)) throw new CheckpointError(fileName, `${group}.${name} is not there or no tensor`)
    return found
  }
  const floats = (group: string, name: string, size?: number): Float32Array => {
    const { data, shape } = tensor(group, name)
    if (!(data instanceof Float32Array) || (size !== undefined && data.length !== size))
      throw new CheckpointError(
        fileName,
        `${group}.${name} of shape [${shape}] should have ${size ?? 'some'} float32 values`,
      )
    return data
  }
  const tokens = (group: string, name: string): Int32Array => {
    const { data } = tensor(group, name)
    const values = Int32Array.from(data, Number)
    if (!(data instanceof BigInt64Array) || values.some((token) => token < 0 || token >= SPEECH_TOKENS))
      throw new CheckpointError(fileName, `${group}.${name} holds something that is no speech token`)
    return values
  }
  const mel = floats('gen', 'prompt_feat')
  const decoderTokens = tokens('gen', 'prompt_token')
  const frames = mel.length / MEL_CHANNELS
  if (frames !== 2 * decoderTokens.length && frames !== 2 * decoderTokens.length + 1)
    throw new CheckpointError(fileName, `gen.prompt_feat has ${frames} frames for ${decoderTokens.length} tokens`)
  return {
    speakerEmbedding: floats('t3', 'speaker_emb', speakerEmbeddingSize),
    promptTokens: tokens('t3', 'cond_prompt_speech_tokens'),
    decoder: { tokens: decoderTokens, mel, frames, xvector: floats('gen', 'embedding', XVECTOR_SIZE) },
  }
}

const lookUp = (value: unknown, key: string): unknown => (value instanceof Map ? value.get(key) : undefined)
