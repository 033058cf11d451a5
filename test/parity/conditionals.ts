// Parity of a whole reference recording: to everything the model knows of a voice, and on to samples.
import { prepareConditionals, prepareDecoder } from '../../src/engine/chatterbox/voice/prepare-conditionals.ts'
import type { Stage } from './parity.ts'
import { casesOf, recording, sliceOf } from './recordings.ts'
import { compareTokens } from './token-margin.ts'
import { openVoiceNetworks } from './voice-networks.ts'

export const conditionalsStages: Readonly<Record<string, Stage>> = {
  conditionals: async (run) => {
    const official = run.fixture('embed_ref')
    const signal = new AbortController().signal
    const networks = openVoiceNetworks(run)
    const voices = run.fixture('voice_encoder')
    const b16 = await networks.speakerEmbedding(recording(run, 'ref_b_16k_soxr'))
    run.compare('voice_encoder.b_embed', b16, voices.readFloat32('b_embed'), 1e-6)
    const short = await networks.speakerEmbedding(sliceOf(run, casesOf(run).ve.short_source))
    run.compare('voice_encoder.short_embed', short, voices.readFloat32('short_embed'), 1e-6)

    const b = await prepareDecoder(recording(run, 'ref_b_24k'), networks, signal)
    compareTokens(run, 'embed_ref.b_prompt_token', b.tokens, official.readInt64('b_prompt_token'))
    run.compare('embed_ref.b_prompt_feat', b.mel, official.readFloat32('b_prompt_feat'), 4e-3)
    run.compare('embed_ref.b_embedding', b.xvector, official.readFloat32('b_embedding'), 1e-5)

    const reference = { samples: recording(run, 'ref_a_24k'), sampleRate: 24000, normLoudness: true }
    const a = await prepareConditionals(reference, networks, signal)
    compareTokens(run, 'embed_ref.a_prompt_token', a.decoder.tokens, official.readInt64('a_prompt_token'))
    compareTokens(run, 'embed_ref.a_t3_prompt_tokens', a.promptTokens, official.readInt64('a_t3_prompt_tokens'))
    run.compare('embed_ref.a_prompt_feat', a.decoder.mel, official.readFloat32('a_prompt_feat'), 4e-3)
    run.compare('embed_ref.a_embedding', a.decoder.xvector, official.readFloat32('a_embedding'), 1e-5)
    run.compare('embed_ref.a_ve_embed', a.speakerEmbedding, official.readFloat32('a_ve_embed'), 1e-6)
  },
}
