// Reference recording → conditionals, step by step as the original code does it (tts_turbo.py, prepare_conditionals).
import { resample } from '../../../audio/resample.ts'
import { AppError, invariant } from '../../../errors.ts'
import type { ReferenceRecording } from '../../engine.ts'
import type { Conditionals } from './conditionals.ts'
import { promptMel } from './prompt-mel.ts'
import { normaliseLoudness } from './reference-loudness.ts'
import { resampleSincHann } from './sinc-hann.ts'
import type { TokenizerInput, VoiceNetworks } from './voice-networks.ts'

const DECODER_HZ = 24000
const SPEECH_HZ = 16000
const MIN_SECONDS = 5
/** The language model hears 15 s of the recording, the decoder 10 s, the voice encoder all of it. */
const PROMPT_SECONDS = 15
const MAX_PROMPT_TOKENS = 375
const DECODER_SECONDS = 10
const MAX_DECODER_TOKENS = 250
/** A recording whose loudest sample stays below this holds no speech; −60 dB. */
const SILENCE = 1e-3

/**
 * Throws AppError('invalid_reference_audio') for a recording that is too short or silent. Stops between two networks, and between two parts of
 * the largest, when aborted.
 */
export async function prepareConditionals(
  recording: ReferenceRecording,
  networks: VoiceNetworks,
  signal: AbortSignal,
): Promise<Conditionals> {
  const reference = readReference(recording)
  const speech = resample(reference, DECODER_HZ, SPEECH_HZ)
  signal.throwIfAborted()
  const { tokens, ...decoder } = await hearForDecoder(reference.subarray(0, DECODER_SECONDS * DECODER_HZ), networks)
  signal.throwIfAborted()
  const prompt = { samples: speech.subarray(0, PROMPT_SECONDS * SPEECH_HZ), maxTokens: MAX_PROMPT_TOKENS }
  const [decoderTokens, promptTokens] = await networks.speechTokens([tokens, prompt], signal)
  invariant(decoderTokens && promptTokens, 'both recordings have tokens')
  signal.throwIfAborted()
  const speakerEmbedding = await networks.speakerEmbedding(speech)
  return { speakerEmbedding, promptTokens, decoder: { ...decoder, tokens: wholeTokens(decoderTokens, decoder.frames) } }
}

function readReference({ samples, sampleRate, normLoudness }: ReferenceRecording): Float32Array {
  const reference = resample(samples, sampleRate, DECODER_HZ)
  const seconds = reference.length / DECODER_HZ
  if (seconds <= MIN_SECONDS)
    throw new AppError(
      'invalid_reference_audio',
      `The reference recording is ${seconds.toFixed(1)} seconds long; it must be longer than ${MIN_SECONDS} seconds.`,
    )
  if (reference.every((sample) => Math.abs(sample) < SILENCE))
    throw new AppError(
      'invalid_reference_audio',
      'The reference recording is silent; send one in which a person speaks.',
    )
  return normLoudness ? normaliseLoudness(reference, DECODER_HZ) : reference
}

/** At most 10 s at 24 kHz → what the decoder is given (s3gen.py, embed_ref). */
export async function prepareDecoder(
  reference: Float32Array,
  networks: VoiceNetworks,
  signal: AbortSignal,
): Promise<Conditionals['decoder']> {
  const { tokens, ...decoder } = await hearForDecoder(reference, networks)
  signal.throwIfAborted()
  const [found] = await networks.speechTokens([tokens], signal)
  invariant(found, 'the recording has tokens')
  return { ...decoder, tokens: wholeTokens(found, decoder.frames) }
}

/** All of it but the tokens; `tokens` is what the tokenizer shall hear. */
async function hearForDecoder(
  reference: Float32Array,
  networks: VoiceNetworks,
): Promise<Omit<Conditionals['decoder'], 'tokens'> & { readonly tokens: TokenizerInput }> {
  const mel = promptMel(reference)
  const samples = resampleSincHann(reference, DECODER_HZ, SPEECH_HZ)
  const xvector = await networks.xvector(samples)
  return { mel: mel.values, frames: mel.frames, xvector, tokens: { samples, maxTokens: MAX_DECODER_TOKENS } }
}

/** A token stands for two frames; where the recording ends within a token, the token has no frames and is dropped. */
const wholeTokens = (tokens: Int32Array, frames: number): Int32Array => tokens.subarray(0, Math.floor(frames / 2))
