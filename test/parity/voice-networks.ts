// Parity of the networks that listen: voice encoder, speech tokenizer and speaker encoder, each behind its own front end.

import { resample } from '../../src/audio/resample.ts'
import { Weights } from '../../src/compile/checkpoint/weights.ts'
import { TURBO } from '../../src/compile/dimensions.ts'
import { buildSpeakerEncoder } from '../../src/compile/networks/speaker-encoder.ts'
import { buildSpeechTokenizer } from '../../src/compile/networks/speech-tokenizer.ts'
import { buildVoiceEncoder } from '../../src/compile/networks/voice-encoder.ts'
import { kaldiFbank, subtractTimeMean } from '../../src/engine/chatterbox/voice/kaldi-fbank.ts'
import { cutFrames, type Mel, speechMel } from '../../src/engine/chatterbox/voice/speech-mel.ts'
import { TOKENIZER_PARTS } from '../../src/engine/chatterbox/voice/tokenizer-parts.ts'
import { cutPartials, findSpeech, voiceMel } from '../../src/engine/chatterbox/voice/voice-mel.ts'
import { VoiceNetworks } from '../../src/engine/chatterbox/voice/voice-networks.ts'
import { Session } from '../../src/engine/runtime/session.ts'
import { floatsOf, PARITY_SESSION, type ParityRun, type Stage } from './parity.ts'
import { casesOf, recording, sliceOf } from './recordings.ts'
import { compareTokens } from './token-margin.ts'

/** The networks as they are shipped, without inner values and the tokenizer in parts. */
export function openVoiceNetworks(run: ParityRun): VoiceNetworks {
  const s3gen = new Weights(run.checkpoint('s3gen_meanflow.safetensors'))
  const files = run.saveAll([
    buildVoiceEncoder(new Weights(run.checkpoint('ve.safetensors')), TURBO.voiceEncoder),
    ...Array.from({ length: TOKENIZER_PARTS }, (_, index) =>
      buildSpeechTokenizer(s3gen.at('tokenizer'), TURBO.s3gen.speechTokenizer, {
        part: { index, count: TOKENIZER_PARTS },
      }),
    ),
    buildSpeakerEncoder(s3gen.at('speaker_encoder'), TURBO.s3gen.speakerEncoder),
  ])
  return new VoiceNetworks(files, PARITY_SESSION)
}

export const voiceNetworkStages: Readonly<Record<string, Stage>> = {
  'voice-encoder': async (run) => {
    const official = run.fixture('voice_encoder')
    const weights = new Weights(run.checkpoint('ve.safetensors'))
    await using session = await Session.open(run.save(buildVoiceEncoder(weights, TURBO.voiceEncoder)), PARITY_SESSION)
    const samplesOf = { b: recording(run, 'ref_b_16k_soxr'), short: sliceOf(run, casesOf(run).ve.short_source) }
    for (const [name, samples] of Object.entries(samplesOf)) {
      const { begin, end } = findSpeech(samples)
      const { count, values } = cutPartials(voiceMel(samples.subarray(begin, end)))
      const { embeddings } = await session.run({ mel: { data: values, shape: [count, 160, 40] } })
      const key = `${name}_partial_embeds`
      run.compare(`voice_encoder.${key}`, floatsOf(embeddings), official.readFloat32(key), 2e-6)
    }
  },

  'speech-tokenizer': async (run) => {
    const official = run.fixture('s3tokenizer')
    const weights = new Weights(run.checkpoint('s3gen_meanflow.safetensors')).at('tokenizer')
    const graph = buildSpeechTokenizer(weights, TURBO.s3gen.speechTokenizer, { probes: true })
    await using session = await Session.open(run.save(graph), PARITY_SESSION)
    const { c_source, max_len_b } = casesOf(run).s3tok
    const b = speechMel(recording(run, 'ref_b_16k_torchaudio'))
    const mels: Readonly<Record<string, Mel>> = {
      b,
      b_maxlen: cutFrames(b, 4 * max_len_b),
      c: speechMel(sliceOf(run, c_source)),
      a15s_maxlen375: cutFrames(speechMel(resample(recording(run, 'ref_a_24k'), 24000, 16000)), 4 * 375),
    }
    const tolerances = { hidden_block0: 2e-4, hidden_last: 3e-4, project_down: 3e-4, fsq_prerounding: 2e-4 }
    for (const [name, mel] of Object.entries(mels)) {
      const found = await session.run({ mel: { data: mel.values, shape: [1, 128, mel.frames] } })
      for (const [probe, tolerance] of Object.entries(tolerances)) {
        const key = `${name}_${probe}`
        if (official.entries.has(key))
          run.compare(`s3tokenizer.${key}`, floatsOf(found[probe]), official.readFloat32(key), tolerance)
      }
      const digits = official.readFloat32(`${name}_fsq_prerounding`)
      const tokens = official.readInt64(`${name}_tokens`)
      compareTokens(run, `s3tokenizer.${name}_tokens`, found.tokens?.data ?? [], tokens, digits)
    }
  },

  'speaker-encoder': async (run) => {
    const official = run.fixture('campplus')
    const weights = new Weights(run.checkpoint('s3gen_meanflow.safetensors')).at('speaker_encoder')
    const graph = buildSpeakerEncoder(weights, TURBO.s3gen.speakerEncoder, { probes: true })
    await using session = await Session.open(run.save(graph), PARITY_SESSION)
    const samplesOf = {
      b: recording(run, 'ref_b_16k_torchaudio'),
      short: sliceOf(run, casesOf(run).campplus.short_source),
    }
    for (const [name, samples] of Object.entries(samplesOf)) {
      const features = kaldiFbank(samples)
      subtractTimeMean(features)
      const found = await session.run({ features: { data: features.values, shape: [1, features.frames, 80] } })
      const head = `${name}_head_out_t0_40`
      if (official.entries.has(head)) {
        const [channels = 0, frames = 0] = official.entry(head).shape
        run.compare(
          `campplus.${head}`,
          firstFrames(floatsOf(found.head_out), channels, frames),
          official.readFloat32(head),
          3e-4,
        )
      }
      run.compare(`campplus.${name}_xvector`, floatsOf(found.xvector), official.readFloat32(`${name}_xvector`), 1e-5)
    }
  },
}

/** [channels, all frames] → [channels, frames]. */
function firstFrames(values: Float32Array, channels: number, frames: number): number[] {
  const all = values.length / channels
  return Array.from({ length: channels }, (_, channel) => [
    ...values.subarray(channel * all, channel * all + frames),
  ]).flat()
}
